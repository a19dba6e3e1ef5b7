import { readFileSync } from 'node:fs';
import { createUpstreamEngine } from '@ogong/engine/upstream/engine';
import { UPSTREAM_KINDS } from '@ogong/engine/upstream/findings';
import { expect, it } from 'vitest';
import { startRecordedServer } from './recorded-server.ts';
import { formatRow, HEAD } from './upstream-page.ts';

it("shows the probe's findings for each kind of server", async () => {
  const rows: string[] = [];
  for (const kind of UPSTREAM_KINDS) {
    const server = await startRecordedServer({ kind });
    const engine = await createUpstreamEngine({
      address: server.address,
      modelRoot: new Uint8Array(32),
      contextSize: 256,
    });
    rows.push(formatRow(kind === 'openai' ? 'hosted API' : kind, engine));
    await engine.close();
    await server.close();
  }
  const page = readFileSync(new URL('../../../../docs/upstream.md', import.meta.url), 'utf8');
  expect(page).toContain(`${[...HEAD, ...rows].join('\n')}\n`);
});
