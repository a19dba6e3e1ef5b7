import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, CALM_TIMINGS, countPorts } from '@ogong/devnet/mesh/mesh-plan';
import type { ResolvedModel } from '@ogong/models/resolve';
import { launchChromium, whyNoBrowser } from '@ogong/testing/browser/chromium';
import { collectFirstLook } from '@ogong/testing/browser/first-look';
import { median, type Row } from '../row.ts';

const VIEWS = 7;
const STATIC_FILES = ['', 'style.css', 'icon.svg', 'network.json'];

/** Measures the waits of a person who opens the explorer of a mesh. */
export async function measurePages(model: ResolvedModel): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-pages-'));
  const plan = {
    ...{ directory, model: { ...model, id: 'ogong/verified/bench/stories15m', root: model.modelRoot } },
    ...{ validators: 4, providers: 1, timings: CALM_TIMINGS },
  };
  const mesh = await startMesh({ ...plan, ports: assignPorts(await findFreePorts(countPorts(plan)), plan) });
  const url = `${mesh.plan.gatewayUrl}/explorer/`;
  try {
    const coldMs = performance.now();
    await fetch(`${url}explorer.js`);
    const buildMs = performance.now() - coldMs;
    const read = async (name: string): Promise<Uint8Array> => (await fetch(url + name)).bytes();
    const scripts = await collectFirstLook('explorer.js', read);
    const loaded = [...(await Promise.all(STATIC_FILES.map(read))), ...scripts.values()];
    const bytes = loaded.map((file) => gzipSync(file, { level: 9 }).length);
    const views = whyNoBrowser() === undefined ? await viewRepeatedly(url) : undefined;
    return [
      {
        ...{
          id: 'explorer-size',
          what: 'bytes that the explorer loads before its first view, packed',
          unit: 'kB',
          aim: { at: 'most', value: 150 },
        },
        value: bytes.reduce((sum, size) => sum + size, 0) / 1000,
        note: 'the checks of receipts follow with the first receipt',
      },
      {
        ...{
          id: 'explorer-view',
          what: 'time to the first figures of the explorer, Chromium without a cache',
        },
        ...{ value: views && median(views.gatewayMs) / 1000, unit: 's', aim: { at: 'most', value: 1 } },
        note: 'a mesh of 4 validators on the same machine; the pages are built already',
      },
      {
        ...{ id: 'explorer-chain', what: 'the same to the first figures that the page reads from the chain itself' },
        ...{ value: views && median(views.chainMs) / 1000, unit: 's' },
      },
      {
        ...{ id: 'explorer-build', what: 'the first look at the pages of a gateway that runs from sources' },
        ...{ value: buildMs / 1000, unit: 's' },
        note: 'mesh and demo build them beforehand; a published package brings them',
      },
    ];
  } finally {
    await mesh.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function viewRepeatedly(url: string) {
  const browser = await launchChromium();
  const found = { gatewayMs: [] as number[], chainMs: [] as number[] };
  try {
    for (let view = 0; view < VIEWS; view++) {
      const context = await browser.newContext();
      const page = await context.newPage();
      const startMs = performance.now();
      await page.goto(url, { waitUntil: 'commit' });
      await page.locator('.figure', { hasText: /Validators\d/ }).waitFor();
      found.gatewayMs.push(performance.now() - startMs);
      await page.locator('.figure', { hasText: /Block\d/ }).waitFor();
      found.chainMs.push(performance.now() - startMs);
      await context.close();
    }
  } finally {
    await browser.close();
  }
  return found;
}
