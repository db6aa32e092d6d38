/** Environment variables, as the process has them. */
type Environment = Readonly<Record<string, string | undefined>>

/** Whether the runtime's `fetch` sends requests for this URL through a proxy of the environment. */
export function isProxied(url: URL, environment: Environment = process.env): boolean {
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy'
  if (!(environment[name] || environment[name.toUpperCase()])) return false
  const exceptions = (environment['no_proxy'] ?? environment['NO_PROXY'] ?? '').split(',')
  return !exceptions.some((entry) => covers(entry.trim().toLowerCase(), url))
}

function covers(entry: string, url: URL): boolean {
  if (entry === '') return false
  if (entry === '*' || entry === url.host || entry === url.hostname) return true
  return url.hostname.endsWith(entry.startsWith('.') ? entry : `.${entry}`)
}
