import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../steps.ts';
import type { Consequence } from './consequence.ts';
import type { Lever } from './levers.ts';

const SOURCE = /\.(?:ts|sol)$/;
/** Tests, their tools and generated files move nothing in the product. */
const LEFT_OUT = /\.(?:test|fuzz)\.ts$|-fixture\.ts$|(?:^|\/)generated\/|^packages\/testing\//;
const COMMENTS = /\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm;

/** A source file without its comments. */
export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly code: string;
}

/** Reads the product's source files. */
export function readSources(): readonly SourceFile[] {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/src`);
  return [...packages, 'contracts/src'].flatMap((folder) =>
    (readdirSync(join(root, folder), { recursive: true }) as string[])
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((path) => SOURCE.test(path) && !LEFT_OUT.test(path))
      .map((path) => ({ path, code: readFileSync(join(root, path), 'utf8').replace(COMMENTS, '') })),
  );
}

const pathOf = (place: string): string => place.split('#')[0] as string;

/** Lists the places whose file is missing, or lacks the symbol. */
export function findMissingPlaces(rows: readonly Consequence[], sources: readonly SourceFile[]): readonly string[] {
  const codes = new Map(sources.map(({ path, code }) => [path, code]));
  return rows
    .flatMap(({ places }) => places)
    .filter((place) => {
      const [path = '', symbol] = place.split('#');
      return symbol === undefined || symbol === '' || codes.get(path)?.includes(symbol) !== true;
    });
}

/** Lists the files that use a lever and stand in no row, each with the lever. */
export function findUnnamedFiles(
  rows: readonly Consequence[],
  sources: readonly SourceFile[],
  levers: readonly Lever[],
): readonly string[] {
  const named = new Set(rows.flatMap(({ places }) => places).map(pathOf));
  return levers.flatMap(({ name, moves }) =>
    findUsers(sources, name)
      .filter((path) => !named.has(path))
      .map((path) => `${path} uses ${name}, and so moves ${moves}; add it to a row`),
  );
}

/** Lists the files that use a lever. */
export function findUsers(sources: readonly SourceFile[], name: string): readonly string[] {
  const pattern = new RegExp(`(?<!\\w)${name.replaceAll('.', '\\.')}\\b`);
  return sources.filter(({ code }) => pattern.test(code)).map(({ path }) => path);
}
