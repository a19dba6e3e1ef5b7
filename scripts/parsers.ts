// Checks that the adversarial suite knows every parser. A parser is an exported function `parse…` or `decode…` of a package that reads
// from strangers. Each is in a list of packages/testing/src/parsers/table.ts.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NOT_FROM_STRANGERS, PARSER_ROWS, REACHED_THROUGH } from '../packages/testing/src/parsers/table.ts';
import { root } from './steps.ts';

export interface ParserSource {
  /** Below `packages/`, with forward slashes. */
  readonly file: string;
  readonly text: string;
}

const HOMES =
  /^(?:protocol|attestation|models|hub|storage|memory|mcp|host|gateway|provider|router|validator|engine)\/src\//;
const PASSED_OVER = /\.test\.ts$|\.fuzz\.ts$|-fixture\.ts$|\/generated\//;
const PARSER = /^export (?:async )?(?:function|const) ((?:parse|decode)[A-Z]\w*)/gm;

/** @param known parsers of the table, as `file name`. */
export function findParserProblems(sources: readonly ParserSource[], known: ReadonlySet<string>): string[] {
  const found = new Set(
    sources
      .filter(({ file }) => HOMES.test(file) && !PASSED_OVER.test(file))
      .flatMap(({ file, text }) => [...text.matchAll(PARSER)].map(([, name]) => `${file} ${name}`)),
  );
  const missing = [...found].filter((parser) => !known.has(parser));
  // Rows may name other functions, too, such as one that reads a file.
  const gone = [...known].filter((parser) => / (?:parse|decode)[A-Z]\w*$/.test(parser) && !found.has(parser));
  return [
    ...missing.map((parser) => `packages/${parser} has no row in packages/testing/src/parsers/table.ts`),
    ...gone.map((parser) => `packages/${parser} is in packages/testing/src/parsers/table.ts and does not exist`),
  ].sort();
}

function readSources(): ParserSource[] {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'packages/*.ts'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return list.split('\n').flatMap((path) => {
    const file = path.replace(/^packages\//, '');
    if (!HOMES.test(file)) return [];
    try {
      return [{ file, text: readFileSync(join(root, path), 'utf8') }];
    } catch {
      // Deleted in the working tree, but still in the index.
      return [];
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const known = [...PARSER_ROWS, ...REACHED_THROUGH, ...NOT_FROM_STRANGERS].map(({ file, name }) => `${file} ${name}`);
  const problems = findParserProblems(readSources(), new Set(known));
  for (const problem of problems) console.error(problem);
  console.log(problems.length === 0 ? 'parsers: the suite knows each of them' : `parsers: ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
