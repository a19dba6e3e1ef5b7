import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from './steps.ts';

const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The pages that sources name and that pages link. */
function findReferences(): { from: string; to: string }[] {
  const sources = tracked.filter((path) => /\.(ts|sol|proto|mjs)$/.test(path) && existsSync(join(root, path)));
  const named = sources.flatMap((from) =>
    [...read(from).matchAll(/\bdocs\/[a-z0-9/-]+\.(?:md|json)\b/gi)].map(([to]) => ({ from, to })),
  );
  const pages = tracked.filter((path) => path.endsWith('.md') && existsSync(join(root, path)));
  const linked = pages.flatMap((from) =>
    [...read(from).matchAll(/\]\((?!https?:)([^)#\s]+)\)/g)].map(([, to]) => ({
      from,
      to: join(dirname(from), to as string),
    })),
  );
  return [...named, ...linked];
}

const MOST_BYTES = 2_500_000;
/** Word limits of pages that a newcomer reads in full. */
const MOST_WORDS: Readonly<Record<string, number>> = { 'detection/README.md': 2000 };

/** Returns the pages of a folder that exceed their limit. Files that git ignores, such as reports, do not count. */
function listExcess(docs: string, names = readdirSync(docs, { recursive: true }) as string[]): string[] {
  const files = names.filter((name) => existsSync(join(docs, name)) && statSync(join(docs, name)).isFile());
  const bytes = files.reduce((sum, name) => sum + statSync(join(docs, name)).size, 0);
  const long = Object.entries(MOST_WORDS).flatMap(([name, most]) => {
    const words = existsSync(join(docs, name)) ? readFileSync(join(docs, name), 'utf8').split(/\s+/).length : 0;
    return words > most ? [`${name}: ${words} words, at most ${most}`] : [];
  });
  return [...(bytes > MOST_BYTES ? [`${bytes} bytes, at most ${MOST_BYTES}`] : []), ...long];
}

describe('documentation', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-docs-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is short enough to be read', () => {
    const pages = tracked.filter((path) => path.startsWith('docs/')).map((path) => path.slice('docs/'.length));
    expect(listExcess(join(root, 'docs'), pages)).toEqual([]);
  });

  it('is refused if it is too long', () => {
    mkdirSync(join(folder, 'detection'));
    const page = join(folder, 'detection', 'README.md');
    writeFileSync(page, 'word '.repeat(2001));
    expect(listExcess(folder)).toEqual([expect.stringMatching(/^detection\/README\.md: 200\d words/)]);
    writeFileSync(page, 'word '.repeat(1000));
    expect(listExcess(folder)).toEqual([]);
    writeFileSync(join(folder, 'detection', 'picture.svg'), Buffer.alloc(MOST_BYTES));
    expect(listExcess(folder)).toEqual([expect.stringMatching(/^\d+ bytes, at most/)]);
  });

  it('exists at every path that sources and pages name', () => {
    const references = findReferences();
    expect(references.length).toBeGreaterThan(50);
    expect(references.filter(({ to }) => !existsSync(join(root, to)))).toEqual([]);
  });
});
