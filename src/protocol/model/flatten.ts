const beginning = /^/

/**
 * Makes one piece of a text that grew by many. The runtime keeps them apart until the text is read, a hundred bytes for
 * each; what grows with every event of a stream has to be read now and then.
 */
export function flatten(text: string): void {
  beginning.test(text)
}
