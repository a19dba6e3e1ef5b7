import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './steps.ts';

const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Pages that sources name, and pages that pages link. */
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

describe('documentation', () => {
  it('is where sources and pages say that it is', () => {
    const references = findReferences();
    expect(references.length).toBeGreaterThan(50);
    expect(references.filter(({ to }) => !existsSync(join(root, to)))).toEqual([]);
  });
});
