import { isInEffect, notInEffect } from './not-in-effect.ts'
import { configSchema } from './schema.ts'
import { expectation, type SchemaNode, schemaNode } from './schema-node.ts'

/** The JSON Schema for editors and other programs: ours without the words only we understand. */
export function publishedSchema(): object {
  return published(schemaNode(configSchema)) as object
}

function published(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(published)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !key.startsWith('x-'))
      .map(([key, member]) => [key, published(member)]),
  )
}

export function schemaText(): string {
  return `${JSON.stringify(publishedSchema(), null, 2)}\n`
}

const INTRODUCTION = `# Configuration reference

This page is generated from the schema (\`npm run generate\`); so are \`schema/config.json\`, the defaults and the error messages.

## Where settings come from

- **File**: \`--config FILE\`, else the variable \`CONFIG_PATH\`, else \`config/xjp.toml\` or \`xjp.toml\` in the working directory if it is there.
  TOML, YAML or JSON by extension, else by content; at most 1 MiB of UTF-8. A key that is not listed here is an error, and so is a key given twice.
- **Precedence**: command line, file, environment, defaults. The environment only fills what the file leaves out.
- **References**: settings marked *env* may be \`ENV:NAME\` (the whole text) or contain \`\${NAME}\`; \`$\${\` stands for a literal \`\${\`.
  A variable that is missing or empty is an error. Secrets are never shown: \`config print\` has the reference, or \`***\`.
- **Without a file**, every provider whose key or address is in the environment is served under \`provider/model\` names, and \`demo/echo\` when there is none.
  No keys are asked for on a loopback address.
- **With a file**, \`provider/model\` names are served when \`model_list.passthrough\` is true. Left out, that is so when the file has no
  \`models\` and no \`model_list.default_provider\`.
- **Check** a file with \`xjp-gateway config check FILE\`, see what is in force with \`config print\`, and where a model goes with \`config explain MODEL\`.

Two more files are read as they stand: the YAML of the LLM gateway (it has \`downstream\`; the environment fills nothing in it) and the JSON of the
AI Gateway Service (its \`models\` is a list). Both run without keys. \`config print\` shows either in the terms of this page.

Settings marked *not in effect yet* are read and checked, and named in the log at start, but nothing acts on them so far.
`

/** The reference page. */
export function referenceText(): string {
  const root = schemaNode(configSchema)
  const sections = Object.entries(root.properties ?? {}).filter(([key]) => key !== '$schema')
  const parts = sections.map(([key, node]) => sectionText(key, node))
  return `${[INTRODUCTION, ...parts, notInEffectText()].join('\n')}`
}

function sectionText(path: string, node: SchemaNode): string {
  const rows: string[] = []
  collectRows(path, node, rows)
  return `## \`${path}\`\n\n${node.description ?? ''}${mark(path)}\n\n| setting | value | default | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

/** Sections are walked through; what is written as one value is a row. */
function collectRows(path: string, whole: SchemaNode, rows: string[]): void {
  // A list that may be null is a row, and so are the members of its items.
  const node = whole.anyOf?.find((option) => option.items?.properties) ?? whole
  if (node !== whole) rows.push(row(path, { ...whole, 'x-expected': 'a list of sections, or null' }))
  const inner = typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined
  const item = node.items?.properties ? node.items : undefined
  const open = inner?.properties ? { path: `${path}.*`, node: inner } : undefined
  const list = item ? { path: `${path}.*`, node: item } : undefined
  const nested = open ?? list
  if (node.properties === undefined && nested === undefined) {
    rows.push(row(path, node))
    return
  }
  // A route is described once; where routes stand is told by their own rows.
  if (path.startsWith('models.') && /\.(fallback|routes)$/.test(path)) {
    rows.push(row(path, { ...node, 'x-expected': 'as `models."NAME".primary`' }))
    return
  }
  if (/\.capabilities$/.test(path) && path !== 'models.*.capabilities') {
    rows.push(row(path, { ...node, 'x-expected': 'as `models."NAME".capabilities`' }))
    return
  }
  for (const [key, member] of Object.entries(node.properties ?? {}))
    collectRows(`${path}.${key}`, member, rows)
  if (nested) collectRows(nested.path, nested.node, rows)
}

function row(path: string, node: SchemaNode): string {
  const shown = path.replaceAll('.*', '."NAME"')
  const marks = [node['x-environment'] ? ' *env*' : '', node.writeOnly ? ' *secret*' : ''].join('')
  const value = cell(expectation(node))
  const standard = node.default === undefined ? '' : `\`${JSON.stringify(node.default)}\``
  return `| \`${cell(shown)}\` | ${value}${marks} | ${cell(standard)} | ${cell(node.description ?? '')}${mark(path)} |`
}

function mark(path: string): string {
  return isInEffect(path) ? '' : ' *Not in effect yet.*'
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

function notInEffectText(): string {
  const items = notInEffect.map(({ notice }) => `- ${notice}`)
  return `## Not in effect yet\n\n${items.join('\n')}\n`
}
