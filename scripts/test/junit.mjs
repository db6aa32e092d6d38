// Reads what `bun test` reports.

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function plain(text) {
  return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hexadecimal, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    if (hexadecimal !== undefined) return String.fromCodePoint(Number.parseInt(hexadecimal, 16))
    return entities[name] ?? whole
  })
}

/** Attributes of an opening tag; their values hold no `"` and no `>`. */
function attributesOf(tag) {
  return Object.fromEntries(
    [...tag.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, plain(value)]),
  )
}

/** `{tests, failures, skipped, failed: [name of a test], seconds: {file: seconds}}` */
export function readReport(xml) {
  const whole = attributesOf(/<testsuites[^>]*>/.exec(xml)?.[0] ?? '')
  const failed = [...xml.matchAll(/(<testcase[^>]*[^/])>\s*<(?:failure|error)/g)].map(([, tag]) => {
    const { file, line, classname, name } = attributesOf(tag)
    return `${file}:${line} ${[classname, name].filter((part) => part).join(' > ')}`
  })
  const suites = [...xml.matchAll(/<testsuite [^>]*>/g)].map(([tag]) => attributesOf(tag))
  const files = suites.filter(({ name, file }) => name === file)
  return {
    tests: Number(whole.tests ?? 0),
    failures: Number(whole.failures ?? 0) + Number(whole.errors ?? 0),
    skipped: Number(whole.skipped ?? 0),
    failed,
    seconds: Object.fromEntries(files.map(({ file, time }) => [file, Number(time)])),
  }
}
