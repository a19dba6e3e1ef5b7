import { EVERYTHING } from './inputs.ts';

/** The explorer. A gateway in the repository builds its pages when a browser asks for them. */
const PAGES: readonly string[] = ['apps/explorer'];

/**
 * Inputs that neither the import graph nor the strings of a test show. The test finds them by listing a directory, or its child
 * processes read them. `.` stands for all tracked files, `*` for one part of a path.
 */
const NAMED_INPUTS: Readonly<Record<string, readonly string[]>> = {
  'scripts/consequences/consequences.test.ts': [EVERYTHING],
  'scripts/docs.process.test.ts': [EVERYTHING],
  'scripts/join-programs.process.test.ts': [EVERYTHING],
};

/** Tests that need the pages of the explorer: by their path, or by an address in their code. */
const NEEDS_PAGES = /^apps\/explorer\/.*\.(?:process|e2e)\.test\.ts$/;
const OPENS_PAGES = /\/explorer\//;

/** Models of pictures, which tests and the demo open by their names. */
export const PICTURE_MODELS = 'packages/testing/models';
const OPENS_PICTURES = /models\/(?:picture|vision)-folder|lab\/src\/demo\/main\.ts/;

/**
 * All inputs of tests that run compiled packages, in place of their import graph: it would hold the whole product. Their subject is the
 * packages' entries and the way of packing.
 */
const OWN_INPUTS: Readonly<Record<string, readonly string[]>> = {
  'scripts/published.e2e.test.ts': [
    ...['package.json', 'packages/*/package.json', 'packages/*/tsconfig.json', 'tsconfig.base.json'],
    ...['scripts/published.e2e.test.ts', 'scripts/pack.ts', 'packages/sdk/scripts', 'apps/explorer/scripts'],
  ],
};

/** Tests whose path stands in this file. */
export const LISTED_TESTS: readonly string[] = [NAMED_INPUTS, OWN_INPUTS].flatMap((table) => Object.keys(table));

/** Returns all inputs of a test that does without its import graph, or undefined. */
export const findOwnInputs = (file: string): readonly string[] | undefined => OWN_INPUTS[file];

/** Returns the inputs of a test that its import graph does not show. */
export function findNamedInputs(file: string, code: string): readonly string[] {
  const pages = NEEDS_PAGES.test(file) || OPENS_PAGES.test(code) ? PAGES : [];
  const pictures = OPENS_PICTURES.test(code) ? [PICTURE_MODELS] : [];
  return [...(NAMED_INPUTS[file] ?? []), ...pages, ...pictures];
}
