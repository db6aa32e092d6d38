import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export const root = resolve(import.meta.dir, '../..')

export interface SourceFile {
  /** From the root, with slashes: `src/pipeline/call.ts`. */
  path: string
  text: string
  /** Relative imports, types included, as paths from the root. */
  imports: string[]
}

/** Every TypeScript file under a folder, tests included. */
export function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => {
      const path = join(folder, name).replaceAll('\\', '/')
      const text = readFileSync(join(root, path), 'utf8')
      return { path, text, imports: importsOf(path, text) }
    })
}

function importsOf(path: string, text: string): string[] {
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map(
    (match) => match[1] ?? '',
  )
  return found.map((name) => relative(root, resolve(root, dirname(path), name)).replaceAll('\\', '/'))
}
