import { existsSync, readFileSync } from 'node:fs';
import { findUnserved, type ServedPlace } from '@ogong/host/dialect/unserved-paths';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DOCUMENTED_PATHS } from './documented-paths.ts';
import { isServed, toPath } from './served-paths.ts';

// The documents themselves are not part of the repository.
const SHARED = new URL('../../../../../shared/vectors/', import.meta.url);
const DOCUMENTS = { openai: 'openai/openapi.json', ollama: 'ollama/docs/openapi.yaml' } as const;
const METHODS: ReadonlySet<string> = new Set(['get', 'post', 'put', 'patch', 'delete', 'head']);

describe.each(Object.entries(DOCUMENTS))('the endpoints of %s', (api, name) => {
  const file = new URL(name, SHARED);
  const rows = DOCUMENTED_PATHS[api as keyof typeof DOCUMENTS];

  it.skipIf(!existsSync(file))(
    `are exactly those of its document${existsSync(file) ? '' : ' (skipped: it is absent)'}`,
    () => {
      const { paths } = parse(readFileSync(file, 'utf8')) as { paths: Record<string, object> };
      const found = Object.entries(paths).flatMap(([path, methods]) =>
        Object.keys(methods).flatMap((method) => (METHODS.has(method) ? [toRow(api, method, path)] : [])),
      );
      expect([...new Set(found)].sort()).toEqual(rows);
    },
  );

  it.each(['local mode', 'gateway'] as const)('are served by %s, or there is a reason', (place: ServedPlace) => {
    for (const row of rows) {
      const [method, path] = row.split(' ') as [string, string];
      const answers = [isServed(row, place), findUnserved(method, toPath(path), place) !== undefined];
      expect(answers.filter(Boolean), row).toHaveLength(1);
    }
  });
});

it('has no row for an endpoint that is neither served nor explained', () => {
  expect(isServed('POST /v1/dreams', 'gateway')).toBe(false);
  expect(findUnserved('POST', '/v1/dreams', 'gateway')).toBeUndefined();
});

/** OpenAI's document omits the common prefix of its paths, and names some of them twice, with a query. */
const toRow = (api: string, method: string, path: string): string =>
  `${method.toUpperCase()} ${api === 'openai' ? '/v1' : ''}${path.replace(/\?.*/, '')}`;
