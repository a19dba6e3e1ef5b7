import type { Fragment } from './fragment.ts';
import { readMarkdown } from './markdown-source.ts';
import { readComments } from './scanned-source.ts';
import { readTypeScript } from './typescript-source.ts';

const PAGES =
  /^(?:docs\/.*|README|CONTRIBUTING|CHANGELOG|packages\/[^/]+\/README|apps\/[^/]+\/README|python\/README)\.md$/;
const LEFT_OUT = /(?:^|\/)(?:generated|node_modules|vendor)\//;
const READERS: readonly (readonly [RegExp, (path: string, source: string) => Fragment[]])[] = [
  [/\.(?:ts|tsx|mjs)$/, readTypeScript],
  [/\.(?:sol|proto|py)$/, readComments],
  [PAGES, (_path, source) => readMarkdown(source)],
];

const findReader = (path: string) => READERS.find(([pattern]) => pattern.test(path))?.[1];

/** @returns whether the check reads this file, named relative to the repository. */
export const isRead = (path: string): boolean => !LEFT_OUT.test(path) && findReader(path) !== undefined;

/** Reads the prose of one file. */
export const readFragments = (path: string, source: string): Fragment[] => findReader(path)?.(path, source) ?? [];
