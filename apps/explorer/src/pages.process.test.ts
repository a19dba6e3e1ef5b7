import { readFileSync } from 'node:fs';
import { request as ask, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fromBase64, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2, hashRecord } from '@ogong/protocol/commitment/record';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto } from '@ogong/protocol/crypto/noble';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import { text } from '@ogong/protocol/modality/text/text';
import { parseStepLeaves } from '@ogong/protocol/modality/trajectory/leaf';
import { appendVerdict, computeGenesisPosition } from '@ogong/protocol/settlement/verdict-log';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { SealedOfferJson } from '@ogong/protocol/stage1/sealed-offer';
import { toTrustJson } from '@ogong/protocol/stage1/trust';
import { encodeAgentChain } from '@ogong/protocol/verdict/agent/agent-chain';
import { launchChromium, whyNoBrowser } from '@ogong/testing/browser/chromium';
import { collectFirstLook } from '@ogong/testing/browser/first-look';
import { changeScreen, findBarriers, findLayoutFaults, findWide, SCREENS } from '@ogong/testing/browser/layout';
import { packPng } from '@ogong/testing/clients/pack-png';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { addTestKey } from '@ogong/testing/gateway/test-keys';
import { createHubChain, createHubDeployment } from '@ogong/testing/hub/hub-chain';
import { placeModel } from '@ogong/testing/hub/hub-place';
import { startPlaceServer } from '@ogong/testing/hub/place-server';
import { createPlainMemoryStore } from '@ogong/testing/memory/plain-memory-store';
import { readVisionExamples, type VisionExample } from '@ogong/testing/models/vision-folder';
import { createSoftwareMachine, softwareMachine, softwarePolicy } from '@ogong/testing/provider/software-machine';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { createSyntheticAgent } from '@ogong/testing/synthetic/synthetic-agent';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPages } from '../scripts/build.ts';
import { buildLocalScripts } from '../scripts/build-local-scripts.ts';
import { readDroppedFile } from './check/receipt-file.ts';
import { PENALTIES } from './data/penalties.ts';

type Browser = Awaited<ReturnType<typeof launchChromium>>;
type Page = Awaited<ReturnType<Browser['newPage']>>;
type Route = Parameters<Parameters<Page['route']>[1]>[0];

const reason = whyNoBrowser();
/** A folder for pictures, to be looked at. */
const RECORD = process.env.OGONG_RECORD;
const MAX_EXPLORER_BYTES = 150_000;
const MAX_CHAT_BYTES = 215_000;
const STATIC_FILES = ['index.html', 'design.css', 'style.css', 'icon.svg', 'network.json'];

let files: ReadonlyMap<string, Uint8Array>;
beforeAll(async () => {
  files = await buildPages();
});

it('the chat loads at most 215 kB of scripts, packed, before its first view, and nothing that seals', async () => {
  const scripts = await collectFirstLook('chat.js', async (name) => files.get(name) as Uint8Array);
  const bytes = [...scripts.values()].reduce((sum, one) => sum + gzipSync(one, { level: 9 }).length, 0);
  expect(bytes).toBeLessThanOrEqual(MAX_CHAT_BYTES);
  for (const text of scripts.values()) expect(new TextDecoder().decode(text)).not.toContain('seal_key_expired');
});

it('the explorer loads at most 150 kB, packed, before its first view', async () => {
  const read = (name: string): Uint8Array => {
    const bytes = files.get(name);
    if (bytes === undefined) throw new Error(`no file ${name}`);
    return bytes;
  };
  const scripts = await collectFirstLook('explorer.js', async (name) => read(name));
  const loaded = [...STATIC_FILES.map(read), ...scripts.values()];
  expect(loaded.reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0)).toBeLessThanOrEqual(
    MAX_EXPLORER_BYTES,
  );
  // The rest, which is loaded with the first receipt.
  expect([...files.keys()].filter((name) => /^chunk-.*js$/.test(name)).length).toBeGreaterThan(scripts.size - 1);
});

it('builds the scripts and copies the style sheets that the page of local mode has', async () => {
  for (const [path, text] of await buildLocalScripts()) expect(readFileSync(path, 'utf8'), path).toBe(text);
});

it('gives each verdict one colour, which is never that of the brand', () => {
  const read = (name: string): string => new TextDecoder().decode(files.get(name));
  const rules = ['design', 'talk', 'style', 'chat'].flatMap((name) => [
    ...read(`${name}.css`).matchAll(/[^{}]+\{[^{}]*\}/g),
  ]);
  const toneOf = (selector: RegExp): readonly string[] => [
    ...new Set(
      rules
        .flatMap(([rule]) => (selector.test(rule) ? [...rule.matchAll(/var\(--(pass|fail|wait|brand)\b/g)] : []))
        .map(([, tone]) => tone as string),
    ),
  ];
  expect(toneOf(/\.(v-accept|proven|tone-pass)\b|\.pass \.mark/)).toEqual(['pass']);
  expect(toneOf(/\.(v-reject|refuted|tone-fail)\b|\.fail \.mark/)).toEqual(['fail']);
  expect(toneOf(/\.(v-inconclusive|claimed|tone-wait)\b/)).toEqual(['wait']);
});

it('knows the functions and events of the contracts that the pages read', () => {
  const scripts = [...files]
    .filter(([name]) => name.endsWith('.js'))
    .map(([, bytes]) => new TextDecoder().decode(bytes));
  for (const name of [
    ...Object.keys(PENALTIES),
    'Settled',
    'Paid',
    'epochNow',
    'generations',
    'eras',
    'origin',
    'period',
    'keyLimitOf',
    'ownerOf',
  ])
    expect(
      scripts.some((text) => text.includes(`name:"${name}"`)),
      name,
    ).toBe(true);
  expect(scripts.some((text) => text.includes('name:"grantRole"'))).toBe(false);
});

/** A gateway in front of another, which lets only so many pieces of a streamed answer through. */
async function holdStream(behind: string, pieces: number) {
  let left = pieces;
  let wake = (): void => undefined;
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const passed = ask(new URL(url as string, behind), { method, headers }, async (answer) => {
      outgoing.writeHead(answer.statusCode as number, answer.headers);
      let rest = '';
      for await (const chunk of answer) {
        if (!answer.headers['content-type']?.includes('event-stream')) {
          outgoing.write(chunk);
          continue;
        }
        const events = (rest + String(chunk)).split('\n\n');
        rest = events.pop() as string;
        for (const event of events) {
          const isPiece = /"content":"[^"]/.test(event);
          while (isPiece && left === 0) await new Promise<void>((resolve) => (wake = resolve));
          if (isPiece) left--;
          outgoing.write(`${event}\n\n`);
        }
      }
      outgoing.end(rest);
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    letOn(more: number): void {
      left += more;
      wake();
    },
    close(): Promise<void> {
      this.letOn(Number.POSITIVE_INFINITY);
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

const [{ file }] = readVisionExamples() as [VisionExample];
const PICTURE_FILE = Buffer.from(file);

/** Decodes a picture and draws it anew, so that two files of the same pixels compare as equal. */
const DRAW = `async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.toDataURL();
}`;

const upload = (name: string, text: string) => ({ name, mimeType: 'application/json', buffer: Buffer.from(text) });

/** A README that tries to run a script, to load pictures and to lead out of the page. */
const HOSTILE_README = `# Small model

<script>document.title = 'taken'</script>
<img src="https://evil.example/a.png" onerror="document.title = 'taken'">
<iframe src="https://evil.example/"></iframe>

![a picture](https://evil.example/b.png)
[a script](javascript:document.title='taken')
`;

/** A hub of two models in memory, on a place of this machine. */
async function createHub() {
  const directory = createTestDirectory('explorer-hub');
  const base = placeModel(directory.path, '# Base\n', { model: 'base', lineage: [] });
  const small = placeModel(directory.path, HOSTILE_README, {
    files: base.manifest.files.filter(({ isWeight }) => isWeight).map((file) => ({ ...file, sha256: file.blockRoot })),
    lineage: [{ modelRoot: base.manifest.modelRoot, relation: 'quantised-from', licence: 'Apache-2.0' }],
  });
  const place = await startPlaceServer(directory.path);
  const chain = createHubChain(small.facts.owner as Uint8Array);
  for (const { manifest, hash } of [base, small])
    chain.publish(manifest, { modelRoot: manifest.modelRoot, sources: [`hub:${hash}`, `hub+${place.url}`] });
  chain.pins.push({
    ...{ pin: 0n, payer: `0x${'1a'.repeat(20)}`, provider: `0x${'2b'.repeat(20)}`, pinRoot: `0x${'3c'.repeat(32)}` },
    ...{ blob: `0x${toHex(small.manifest.files[0]?.blockRoot as Uint8Array)}`, sizeBytes: 7, feePerEpoch: 5n },
    ...{ epochs: 9, epochBlocks: 300, start: 12n, proven: 3, provenUntil: 5, returned: 0 },
  });
  return { directory, place, deployment: createHubDeployment(small.facts.registry), client: chain.client };
}

describe.skipIf(reason !== undefined)(`the explorer in a browser${reason ? ` (${reason})` : ''}`, () => {
  let browser: Browser;
  let fixture: GatewayFixture;
  let hub: Awaited<ReturnType<typeof createHub>>;
  let host: Server;
  /** Of a host that serves the files and nothing else. */
  let staticUrl: string;
  beforeAll(async () => {
    browser = await launchChromium();
    hub = await createHub();
    fixture = await createGatewayFixture({ hub, modalities: [text.name] });
    host = createServer((request, response) => {
      const name = new URL(request.url ?? '', 'http://x').pathname.slice(1) || 'index.html';
      const bytes = files.get(name);
      const type = name.endsWith('.js') ? 'text/javascript' : name.endsWith('.css') ? 'text/css' : 'text/html';
      response.writeHead(bytes ? 200 : 404, { 'content-type': type }).end(bytes);
    });
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
    staticUrl = `http://127.0.0.1:${(host.address() as AddressInfo).port}/`;
  });
  afterAll(async () => {
    await browser?.close();
    await fixture?.close();
    await hub?.place.close();
    hub?.directory.remove();
    host?.closeAllConnections();
    host?.close();
  });

  async function open(url: string, options: Parameters<Browser['newPage']>[0] = {}) {
    const page = await browser.newPage(options);
    const complaints: string[] = [];
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (message) => {
      // A file that the fake network lacks is no fault of the page.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load')) complaints.push(message.text());
    });
    await page.goto(url);
    await page.locator('h1').waitFor();
    return { page, complaints };
  }

  /** The page asks for such code by itself, after the first view. */
  async function untilLoaded(page: Page, ...names: readonly string[]): Promise<void> {
    for (const name of names) {
      const find = `performance.getEntriesByType('resource').map(({ name }) => name).find((url) => url.includes('/${name}-'))`;
      await expect.poll(() => page.evaluate(`${find} !== undefined`)).toBe(true);
      // With all that it imports.
      await page.evaluate(`import(${find})`);
    }
  }

  it('has no barrier on any page, light on a desk and dark on a phone', async () => {
    const desk = { width: 1280, height: 800, colorScheme: 'light' } as const;
    const { page, complaints } = await open(`${fixture.url}/explorer/`);
    await page.getByRole('link', { name: 'ogong/verified/test/synthetic' }).first().waitFor();
    for (const path of [
      '',
      'time',
      'replies',
      'providers',
      'validators',
      'models',
      'drift',
      'batches',
      'beacon',
      'penalties',
      'check',
      'agent',
      `reply/${'ab'.repeat(16)}`,
      `account/0x${'1f'.repeat(20)}`,
      `models/${encodeURIComponent('ogong/verified/test/synthetic')}`,
      'hub',
      'hub/acme/small',
      'nowhere',
    ]) {
      await changeScreen(page, desk);
      await page.evaluate(`location.hash = '#/${path}'`);
      await page.locator(`h1:focus`).waitFor();
      expect(await findBarriers(page), `${path} in light`).toEqual([]);
      for (const width of [1280, 768, 390]) {
        await changeScreen(page, { ...desk, width });
        expect(await findWide(page), `${path} at ${width} pixels`).toEqual([]);
      }
      await changeScreen(page, { width: 390, height: 800, colorScheme: 'dark' });
      expect(await findBarriers(page), `${path} in dark`).toEqual([]);
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('leads to every page by five groups, and explains a missed search without moving the page', async () => {
    const { page } = await open(`${fixture.url}/explorer/`);
    const groups = page.getByRole('navigation', { name: 'Groups of pages' }).getByRole('link');
    expect(await groups.allTextContents()).toEqual(['Overview', 'Replies', 'Network', 'Models', 'Check']);
    const within = page.getByRole('navigation', { name: 'Pages of this group' }).getByRole('link');
    const paths: (string | null)[] = [];
    for (const group of await groups.all()) {
      await group.click();
      await page.locator('h1:focus').waitFor();
      for (const one of await within.all()) paths.push(await one.getAttribute('href'));
    }
    expect(new Set(paths).size).toBe(13);
    const findTop = () => page.locator('h1').boundingBox();
    const before = await findTop();
    await page.getByRole('searchbox').fill('hello there');
    await page.keyboard.press('Enter');
    await page.locator('#search-problem', { hasText: '“hello there”' }).waitFor();
    expect(await findTop()).toEqual(before);
    await page.close();
  });

  it('marks figures that are out of date while the gateway does not answer', async () => {
    const { page } = await open(`${fixture.url}/explorer/`);
    await page.getByRole('link', { name: 'ogong/verified/test/synthetic' }).waitFor();
    expect(await page.locator('.stale').count()).toBe(0);
    await page.route('**/public/**', (route) => route.abort());
    await page
      .locator('.banner', { hasText: /^The gateway does not answer\. The figures are as of [\d:]+ UTC\.$/ })
      .waitFor();
    await page
      .locator('.stale', { hasText: 'Providers' })
      .getByText(/^as of \d\d:\d\d:\d\d UTC$/)
      .waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await page.close();
  });

  it('may compile WebAssembly, in which its checks run', async () => {
    const { page } = await open(`${fixture.url}/explorer/`);
    expect(
      await page.evaluate(() => {
        new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
        return 'compiled';
      }),
    ).toBe('compiled');
    await page.close();
  });

  it('is worked by keyboard alone', async () => {
    const { page } = await open(`${fixture.url}/explorer/`);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.tagName')).toBe('H1');
    await page.getByRole('searchbox').focus();
    await page.keyboard.type('hello');
    await page.keyboard.press('Enter');
    await page.locator('#search-problem', { hasText: 'reply id' }).waitFor();
    await page.getByRole('searchbox').fill('ab'.repeat(16));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'A reply' }).waitFor();
    await page.getByText('It cannot be read: No validator knows this reply.').waitFor();
    await page.close();
  });

  it('shows a row of the drift table as a plot, found by words, and refuses other bytes', async () => {
    const { page, complaints } = await open(`${fixture.url}/explorer/#/drift`);
    await page.getByText('the chain is not read', { exact: true }).waitFor();
    await page.getByLabel('Only rows with these words').fill('band0 zebra');
    await page.getByText('No row has all of these words.').waitFor();
    await page.getByLabel('Only rows with these words').fill('exact band0');
    await page
      .getByRole('link', { name: /^row \d+$/ })
      .first()
      .click();
    const plot = page.getByRole('img', { name: /sketch-mean: median -?\d/ });
    await plot.waitFor();
    expect(await plot.locator('rect.box').count()).toBe(20);
    await page.getByRole('region', { name: 'Alternatives that are caught' }).waitFor();
    expect(await findBarriers(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
    const bent = await browser.newPage();
    await bent.route('**/public/drift-table', (route) => route.fulfill({ body: Buffer.from('no table') }));
    await bent.goto(`${fixture.url}/explorer/#/drift`);
    await bent.getByText(/^The drift table is not read: /).waitFor();
    await bent.close();
  });

  it('shows the offers of a model, one by one', async () => {
    const { page, complaints } = await open(`${fixture.url}/explorer/`);
    await page.getByRole('link', { name: 'ogong/verified/test/synthetic' }).first().click();
    const offers = page.getByRole('region', { name: 'Offers' });
    await offers.getByText('4 of 4').first().waitFor();
    expect(await offers.textContent()).toContain('not measured');
    expect(await findBarriers(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('finds a model of the hub, checks its manifest, and runs and loads nothing of its README', async () => {
    const { page, complaints } = await open(`${fixture.url}/explorer/#/hub`);
    const foreign: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(fixture.url)) foreign.push(request.url());
    });
    await page.getByText('2 models').waitFor();
    await page.getByLabel('Words of a name').fill('small');
    await page.keyboard.press('Enter');
    await page.getByText('1 model', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Card of acme/small' }).click();
    const checks = page.getByRole('list', { name: 'Checks of the manifest' });
    await checks.getByText('the gateway says').waitFor();
    expect(await checks.locator('li.pass b').allTextContents()).toEqual([
      ...['manifest', 'signature', 'model-root', 'readme'],
    ]);
    const readme = page.locator('.answer');
    await readme.getByRole('heading', { name: 'Small model' }).waitFor();
    expect(await readme.textContent()).toContain('<script>');
    expect(await readme.locator('script, img, iframe, [onerror]').count()).toBe(0);
    expect(await readme.locator('a').evaluateAll((links) => links.map((link) => link.getAttribute('href')))).toEqual([
      'https://evil.example/b.png',
    ]);
    await page.getByRole('img', { name: 'acme/small is quantised-from acme/base' }).waitFor();
    expect(await page.getByRole('region', { name: 'Pins' }).locator('tbody td').allTextContents()).toContain('3');
    expect(await findBarriers(page)).toEqual([]);
    expect([await page.title(), foreign, complaints]).toEqual(['Hub · OGONG explorer', [], []]);
    await page.close();
  });

  describe('earnings of a provider by day and model', () => {
    const providerId = new Uint8Array(32).fill(3);
    /** Three replies on two days, of two models; the log that holds them, and their records by reply id. */
    function serve(roots: readonly Uint8Array[]) {
      const { address } = fixture.network.chain.validators()[0] as { address: Uint8Array };
      let at = computeGenesisPosition(nobleCrypto, { ...fixture.network.chain.network, validator: address });
      const records = new Map<string, Uint8Array>();
      const times = [Date.UTC(2026, 10, 24), Date.UTC(2026, 10, 25), Date.UTC(2026, 10, 25, 5)];
      const entries = times.map((timeMs, index) => {
        const replyId = new Uint8Array(16).fill(index);
        const hash = new Uint8Array(32).fill(1);
        const record = encodeRecordV2({
          ...{ replyId, requestHash: hash, responseHash: hash, modelRoot: roots[index] as Uint8Array },
          ...{ commitRoot: hash, tokenCount: 3, startNs: 1n, endNs: 2n },
        });
        records.set(toHex(replyId), record);
        const appended = appendVerdict(nobleCrypto, at, {
          ...{ replyId, recordHash: hashRecord(nobleCrypto, record), providerId },
          ...{ payee: new Uint8Array(20).fill(4), payer: new Uint8Array(20).fill(5), router: new Uint8Array(20) },
          ...{ verdict: 'accept', evidence: 'exact', feeAtomic: 10n ** 18n, fineAtomic: 0n, verifiers: [], shards: [] },
          ...{ beaconEpoch: 9n, evidenceHash: hash, step: 'reply', eValuePpm: 100, ejects: false, timeMs },
        });
        at = appended.position;
        return `0x${toHex(appended.bytes)}`;
      });
      const head = `0x${toHex(at.head)}`;
      return { log: `**/public/validators/0x${toHex(address)}/verdicts**`, entries, head, records };
    }
    type Served = ReturnType<typeof serve>;
    /** @param answer the gateway's answer for a record. */
    async function show(
      { log, head }: Served,
      entries: readonly string[],
      answer: (id: string) => Parameters<Route['fulfill']>[0],
    ) {
      const page = await browser.newPage({ viewport: { width: 390, height: 800 } });
      await page.route(log, (route) => route.fulfill({ json: { entries, head, length: `${entries.length}` } }));
      let asked = 0;
      await page.route('**/v1/receipts/*?compact=1', (route) => {
        asked++;
        return route.fulfill(answer(new URL(route.request().url()).pathname.split('/').at(-1) as string));
      });
      await page.goto(`${fixture.url}/explorer/#/providers/${toHex(providerId)}`);
      const rows = page.getByRole('region', { name: 'Earned by day and model' }).locator('tbody tr');
      const cells = async () => Promise.all((await rows.all()).map((row) => row.locator('td').allTextContents()));
      return { page, cells, countAsked: () => asked };
    }
    const recordOf = (served: Served, id: string) => ({
      json: { record: { bytes: Buffer.from(served.records.get(id) as Uint8Array).toString('base64') } },
    });
    const rootOf = async (): Promise<Uint8Array> => {
      const { models } = (await (await fetch(`${fixture.url}/public/models`)).json()) as {
        models: readonly { id: string; model_root: string }[];
      };
      const found = models.find(({ id }) => id === 'ogong/verified/test/synthetic');
      return Uint8Array.from(Buffer.from((found?.model_root ?? '').slice(2), 'hex'));
    };
    const other = new Uint8Array(32).fill(0xee);

    it('is summed from the logs, and named by records whose hashes the logs have', async () => {
      const root = await rootOf();
      const served = serve([root, other, root]);
      const { page, cells } = await show(served, served.entries, (id) => recordOf(served, id));
      await expect.poll(cells).toEqual([
        ['2026-11-25', 'ogong/verified/test/synthetic', '1', '0 OGONG', '1 OGONG', 'none'],
        ['2026-11-25', 'eeeeeeeeee…eeeeee', '1', '0 OGONG', '1 OGONG', 'none'],
        ['2026-11-24', 'ogong/verified/test/synthetic', '1', '0 OGONG', '1 OGONG', 'none'],
      ]);
      expect(await findBarriers(page)).toEqual([]);
      expect(await findWide(page)).toEqual([]);
      await page.close();
      // An entry that does not follow from the one before it is not shown.
      const torn = await show(served, [served.entries[0] as string, served.entries[2] as string], (id) =>
        recordOf(served, id),
      );
      await expect.poll(async () => (await torn.cells()).map(([day]) => day)).toEqual(['2026-11-24']);
      await torn.page.close();
    });

    it('is shown over time, with all numbers one click behind', async () => {
      const served = serve([other, other, other]);
      const page = await browser.newPage({ viewport: { width: 390, height: 800 } });
      const { entries, head, log } = served;
      await page.route(log, (route) => route.fulfill({ json: { entries, head, length: `${entries.length}` } }));
      await page.route('**/v1/receipts/*?compact=1', (route) =>
        route.fulfill(recordOf(served, new URL(route.request().url()).pathname.split('/').at(-1) as string)),
      );
      await page.goto(`${fixture.url}/explorer/#/time`);
      await page.getByRole('img', { name: /^Replies by verdict: from 2026-11-24 .*, at most 2 replies$/ }).waitFor();
      await page.getByRole('img', { name: /^Fees: .*, at most 2 OGONG$/ }).waitFor();
      await page.getByRole('img', { name: /^Time to answer: .*, at most 0\.00 s$/ }).waitFor();
      await page.getByText('All numbers').first().click();
      const rows = page.getByRole('region', { name: 'Numbers of: Replies by verdict' }).locator('tbody tr');
      expect(await rows.allTextContents()).toEqual(['2026-11-24 00:001 reply', '2026-11-25 00:002 replies']);
      for (const screen of SCREENS) {
        await changeScreen(page, screen);
        expect(await findWide(page), JSON.stringify(screen)).toEqual([]);
        if (RECORD !== undefined)
          await page.screenshot({ path: join(RECORD, `time-${screen.width}-${screen.colorScheme}.png`) });
      }
      expect(await findBarriers(page)).toEqual([]);
      await page.close();
    });

    it('names no model by a record that is not the judged one, and asks a gateway with keys once', async () => {
      const served = serve([other, other, other]);
      const forged = serve([await rootOf(), other, other]);
      const lied = await show(served, served.entries, (id) => recordOf(forged, id));
      await expect
        .poll(async () => (await lied.cells()).map(([day, model]) => [day, model]))
        .toEqual([
          ['2026-11-25', 'eeeeeeeeee…eeeeee'],
          ['2026-11-24', 'not shown'],
        ]);
      await lied.page.close();
      const message = 'A key is needed.';
      const closed = await show(served, served.entries, () => ({ status: 401, json: { error: { message } } }));
      await closed.page.getByText(`No more records were read: ${message}`).waitFor();
      expect((await closed.cells()).map(([day, model, count]) => [day, model, count])).toEqual([
        ['2026-11-25', 'not shown', '2'],
        ['2026-11-24', 'not shown', '1'],
      ]);
      expect(closed.countAsked()).toBeLessThanOrEqual(4);
      await closed.page.close();
    });
  });

  it('explains missing data if gateway or chain cannot be read, and shows it once they can', async () => {
    const page = await browser.newPage();
    await page.route('**/public/**', (route) => route.abort());
    await page.goto(`${fixture.url}/explorer/`);
    const go = async (path: string) => {
      await page.evaluate(`location.hash = '#/${path}'`);
      await page.locator('h1:focus').waitFor();
    };
    const missing = page.locator('.empty').filter({ hasText: 'Not read: the gateway does not answer.' });
    await page.getByText('The gateway does not answer.', { exact: true }).waitFor();
    const account = `account/0x${'1f'.repeat(20)}`;
    for (const path of [
      ...['replies', 'providers', 'validators', 'models', 'batches', account, `reply/${'ab'.repeat(16)}`],
      ...[`providers/${'cd'.repeat(32)}`, 'batches/7'],
    ]) {
      await go(path);
      await missing.first().waitFor();
    }
    expect(await findBarriers(page)).toEqual([]);
    await page.unroute('**/public/**');
    await page.reload();
    // A change of address before the page has begun would focus no heading.
    await page.locator('h1').waitFor();
    await go(account);
    await page.getByText('Not read: the gateway names no address of the chain.').waitFor();
    await go('models');
    await page.getByRole('link', { name: 'ogong/verified/test/synthetic' }).waitFor();
    await page.close();
  });

  it('shows a page for an address that was cut off', async () => {
    const { page, complaints } = await open(`${fixture.url}/explorer/#/models/ogong%2`);
    await page.getByRole('heading', { name: 'Models', exact: true }).waitFor();
    await page.getByText('Nobody serves it now.').waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('follows a reply that is not settled yet', async () => {
    const page = await browser.newPage();
    await page.clock.install();
    let state = 'recorded';
    await page.route('**/public/replies/*', (route) =>
      route.fulfill({
        json: { validator: `0x${'11'.repeat(20)}`, state, verdict: state === 'recorded' ? '' : 'accept', detail: '' },
      }),
    );
    await page.goto(`${fixture.url}/explorer/#/reply/${'ab'.repeat(16)}`);
    await page.getByText('state: recorded').waitFor();
    state = 'decided';
    await page.clock.runFor(5_000);
    await page.getByText('state: decided').waitFor();
    await page.getByText('accept', { exact: true }).first().waitFor();
    await page.close();
  });

  it('says that it relies on the gateway if the chain is not read', async () => {
    const { page } = await open(`${fixture.url}/explorer/#/validators`);
    await page.getByText('As the gateway reports: the chain is not read.').waitFor();
    await page.getByText('Not compared with the chain').waitFor();
    await page.close();
  });

  const made = createSyntheticReceipt({
    ...{ crypto: nobleCrypto, ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) }, tokens: 3 },
    provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
    router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
    payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
  });
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const opening = 'bytes' in made.receipt.opening ? { bytes: base64(made.receipt.opening.bytes) } : undefined;
  const receiptFile = {
    ...toReceiptJson(made.receipt),
    ...(opening && { opening }),
    request: base64(made.reply.request),
    response: base64(made.reply.response),
  };
  const trustFile = JSON.stringify(toTrustJson(made.trust));

  it('reports it if the code of the checks cannot be loaded', async () => {
    const page = await browser.newPage();
    await page.route('**/checks-*.js', (route) => route.abort());
    await page.goto(`${staticUrl}#/check`);
    await page.locator('#receipt-file').waitFor({ state: 'attached' });
    await page.setInputFiles('#receipt-file', upload('receipt.json', JSON.stringify(receiptFile)));
    await page.getByRole('alert').filter({ hasText: 'could not be loaded' }).waitFor();
    await page.close();
  });

  it('checks a receipt from a file, without any network', async () => {
    const { page, complaints } = await open(`${staticUrl}#/check`);
    await untilLoaded(page, 'checks');
    await page.context().setOffline(true);
    const give = (...given: ReturnType<typeof upload>[]) => page.setInputFiles('#receipt-file', given);
    await give(upload('receipt.json', JSON.stringify(receiptFile)));
    await page.getByText('Compared with nothing.').waitFor();
    await page.locator('.banner', { hasText: /checks passed, \d+ could not be made/ }).waitFor();
    await page.getByText(/^All \d+ checks(, and \d+ beside the receipt)?$/).click();
    const unmade = page.getByRole('list', { name: 'Checks that were not made' });
    expect(await unmade.textContent()).toContain('validator');
    // Each stands in its list, where a reader sees it.
    const { y = 0, height = 0 } = (await unmade.boundingBox()) ?? {};
    for (const one of await unmade.locator('li').all()) {
      const box = await one.boundingBox();
      expect([(box?.y ?? 0) >= y, (box?.y ?? 0) + (box?.height ?? 0) <= y + height + 1]).toEqual([true, true]);
    }
    await give(upload('trust.json', trustFile));
    await page.locator('.banner.good', { hasText: /^All \d+ checks passed$/ }).waitFor();
    expect(await page.getByRole('list', { name: 'Checks that passed' }).textContent()).toContain('draw-replay');
    expect(await findBarriers(page)).toEqual([]);
    const bent = { ...receiptFile, response: base64(new TextEncoder().encode('<img src=x onerror=alert(1)>')) };
    await give(upload('receipt.json', JSON.stringify(bent)));
    await page.locator('.banner.bad', { hasText: /checks failed$/ }).waitFor();
    expect(await page.getByRole('list', { name: 'Checks that failed' }).textContent()).toContain('response-hash');
    await page.locator('pre', { hasText: '<img src=x' }).waitFor();
    await page.context().setOffline(false);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('shows the run of an agent step by step, without any network', async () => {
    const { steps, trust } = createSyntheticAgent(nobleCrypto);
    const text = new TextDecoder().decode(encodeAgentChain(nobleCrypto, steps));
    const { page, complaints } = await open(`${staticUrl}#/agent`);
    await untilLoaded(page, 'checks');
    await page.context().setOffline(true);
    const give = (...given: ReturnType<typeof upload>[]) => page.setInputFiles('#run-file', given);
    await give(upload('run.jsonl', text));
    await page.locator('.banner', { hasText: /could not be made$/ }).waitFor();
    await give(upload('trust.json', JSON.stringify(toTrustJson(trust))));
    await page.locator('.banner.good', { hasText: 'All 3 steps hold' }).waitFor();
    const calls = page.getByRole('region', { name: 'Calls of step 1' }).locator('tbody tr');
    expect(await calls.first().locator('td').allTextContents()).toEqual([
      ...['weather', '{"city": "Paris"}', 'sunny in {"city": "Paris"}'],
    ]);
    expect(await findBarriers(page)).toEqual([]);
    for (const screen of [390, 768, 1280]) {
      await page.setViewportSize({ width: screen, height: 800 });
      expect(await findWide(page), `${screen} pixels`).toEqual([]);
    }
    await give(upload('run.jsonl', text.replace('sunny', '<img src=x onerror=alert(1)>')));
    await page.locator('.banner.bad', { hasText: 'This run does not hold' }).waitFor();
    await page.locator('.banner.bad', { hasText: 'This step fails: links, requests.' }).waitFor();
    await give(upload('run.jsonl', text.slice(0, -1)));
    await page.getByRole('alert').filter({ hasText: 'the last line of the chain is cut' }).waitFor();
    await page.evaluate("location.hash = '#/check'");
    await page.setInputFiles('#receipt-file', upload('run.jsonl', text));
    await page.getByRole('alert').filter({ hasText: 'which has a page of its own' }).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('shows a picture with its audit, and its steps as bars or as small pictures', async () => {
    const pictures = await createGatewayFixture({});
    const outputs: Float32Array[] = [];
    const bendOutput = (output: Float32Array): Float32Array => {
      outputs.push(output);
      return output;
    };
    for (const provider of pictures.network.providers) provider.behaviour = { ...provider.behaviour, bendOutput };
    const asked = await fetch(`${pictures.url}/v1/images/generations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: FAKE_MODEL, prompt: 'a small fox', size: '40x24', steps: 6, seed: 1 }),
    });
    const receiptUrl = `${pictures.url}${asked.headers.get('x-ogong-receipt')}`;
    const receipt = (await (await fetch(receiptUrl)).json()) as {
      readonly reply_id: string;
      readonly opening: { readonly bytes: string };
    };
    const { address } = pictures.network.chain.validators()[0] as { address: Uint8Array };
    const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
    const log = { ...pictures.network.chain.network, validator: address };
    const { bytes, position } = appendVerdict(nobleCrypto, computeGenesisPosition(nobleCrypto, log), {
      ...{ replyId: fromHex(receipt.reply_id), recordHash: fill(32, 1), providerId: fill(32, 3), payee: fill(20, 4) },
      ...{ verdict: 'accept', evidence: 'exact', feeAtomic: 1n, fineAtomic: 0n, payer: fill(20, 5) },
      ...{ router: fill(20, 0), beaconEpoch: 7n, evidenceHash: fill(32, 1), step: 'reply', eValuePpm: 100 },
      ...{ ejects: false, timeMs: Date.UTC(2026, 10, 24) },
      verifiers: [{ verifierId: fill(32, 6), payee: fill(20, 7), outcome: 'credited', tokens: 3 }],
    });
    const hex = (value: Uint8Array): string => `0x${toHex(value)}`;
    const { page, complaints } = await open(`${pictures.url}/explorer/`);
    await page.route(`**/public/validators/${hex(address)}/verdicts**`, (route) =>
      route.fulfill({ json: { entries: [hex(bytes)], head: hex(position.head), length: '1' } }),
    );
    await page.route('**/public/replies/*', (route) =>
      route.fulfill({ json: { validator: hex(address), state: 'decided', verdict: 'accept', detail: '' } }),
    );
    await page.route('**/public/beacon/7', (route) =>
      route.fulfill({ json: { certificate: hex(made.receipt.beacon) } }),
    );
    await page.goto(`${pictures.url}/explorer/#/replies`);
    await page.reload();
    await page.locator(`a[href="#/reply/${receipt.reply_id}"]`).first().click();
    const picture = page.getByRole('img', { name: 'Picture of: a small fox' });
    await picture.waitFor();
    const audit = await page.locator('.picture').textContent();
    expect(audit).toMatch(/accept by equal bits: 1 verifier ran steps \d and \d again, drawn by epoch 7/);
    const drawn = [...(audit?.matchAll(/(\d) and (\d) again/g) ?? [])].flatMap(([, a, b]) => [a, b]);
    expect(await page.locator('.strip .audited small').allTextContents()).toEqual(drawn);
    expect(await page.locator('.strip svg').count()).toBe(6);
    const stepChecks = page.getByRole('list', { name: 'Checks of the steps' }).locator('li');
    const readStates = () =>
      stepChecks.evaluateAll((rows) => rows.map((row) => `${row.querySelector('b')?.textContent} ${row.className}`));
    expect(await readStates()).toEqual([
      ...['draw-key pass', 'choices pass', 'links skip', 'projections skip', 'pixels pass'],
    ]);
    const record = async (name: string) => {
      if (RECORD !== undefined) await page.screenshot({ path: join(RECORD, `${name}.png`), fullPage: true });
    };
    await record('picture-reply');
    expect(await findBarriers(page)).toEqual([]);

    const { steps } = parseStepLeaves(parseOpening(fromBase64(receipt.opening.bytes)).windows);
    const blobs = steps.map(({ outputRoot }, i) => [
      toHex(outputRoot),
      base64(encodeValues(outputs[i] as Float32Array)),
    ]);
    const give = (change: object) =>
      page.setInputFiles('#receipt-file', upload('receipt.json', JSON.stringify({ ...receipt, ...change })));
    await page.evaluate(`location.hash = '#/check'`);
    await page.locator('#receipt-file').waitFor({ state: 'attached' });
    await page.context().setOffline(true);
    await give({ blobs: Object.fromEntries(blobs) });
    await page.getByRole('img', { name: /^Step 6: / }).waitFor();
    expect(await page.locator('.strip canvas').count()).toBe(6);
    expect(await readStates()).toEqual([
      ...['draw-key pass', 'choices pass', 'links pass', 'projections pass', 'pixels pass'],
    ]);
    const readPixels = (name: string) =>
      page.evaluate<number[]>(`(() => {
        const { width, height } = document.querySelector('${name}');
        const { data } = document.querySelector('${name}').getContext('2d').getImageData(0, 0, width, height);
        return [...data].filter((_, i) => i % 4 < 3);
      })()`);
    const { response } = receipt as unknown as { readonly response: string };
    expect(await readPixels('.pixels')).toEqual([...fromBase64(response)]);
    for (const screen of SCREENS) {
      await changeScreen(page, screen);
      await record(`picture-${screen.width}-${screen.colorScheme}`);
      expect(await findWide(page)).toEqual([]);
    }
    expect(await findBarriers(page)).toEqual([]);
    // A blob of another root is not shown.
    await give({ blobs: Object.fromEntries(blobs.map(([root], i) => [root, blobs[(i + 1) % 6]?.[1]])) });
    await page.locator('.strip svg').first().waitFor();
    await page.context().setOffline(false);
    const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${PICTURE_FILE.toString('base64')}` } };
    const answered = await fetch(`${pictures.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: FAKE_MODEL, messages: [{ role: 'user', content: [image, image] }] }),
    });
    const seen = await (await fetch(`${pictures.url}${answered.headers.get('x-ogong-receipt')}`)).text();
    await page.setInputFiles('#receipt-file', upload('receipt.json', seen));
    const facts = page.getByRole('region', { name: 'Pictures of the question' });
    await facts.getByText('2 pictures of the question').waitFor();
    expect(await facts.getByRole('list', { name: 'Check of the rows' }).textContent()).toContain(
      'picture-rows not checked',
    );
    await record('picture-question');
    expect(await findBarriers(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
    await pictures.close();
    for (const provider of pictures.network.providers) provider.behaviour = {};
  });

  it('draws the shards of a cohort from its receipt, and marks a missing root', async () => {
    const fileOf = ({ receipt, reply }: ReturnType<typeof createSyntheticReceipt>): string => {
      const bodies = { request: base64(reply.request), response: base64(reply.response) };
      return JSON.stringify({ ...toReceiptJson(receipt), ...bodies });
    };
    const options = {
      ...{ crypto: nobleCrypto, ledger: made.receipt.ledger, tokens: 3 },
      provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
      router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
      payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
    };
    const { page, complaints } = await open(`${staticUrl}#/check`);
    await page.locator('#receipt-file').waitFor({ state: 'attached' });
    const whole = createSyntheticReceipt({ ...options, cohort: {} });
    await page.setInputFiles('#receipt-file', upload('receipt.json', fileOf(whole)));
    const shards = page.getByRole('list', { name: 'Shards' }).locator('li');
    await shards.first().waitFor();
    expect(await shards.locator('b').allTextContents()).toEqual(['layers 0 to 2', 'layers 3 to 6', 'layer 7']);
    const texts = await shards.allTextContents();
    expect(texts.map((text) => /rows signed|no signed root|leads/.exec(text)?.[0])).toEqual([
      ...['rows signed', 'rows signed', 'leads'],
    ]);
    await page.getByText('3 providers served this reply together, and each could read the prompt.').waitFor();
    for (const screen of SCREENS) {
      await changeScreen(page, screen);
      expect(await findWide(page)).toEqual([]);
    }
    expect(await findBarriers(page)).toEqual([]);
    const cut = createSyntheticReceipt({ ...options, cohort: { roots: ([first]) => [first, undefined] } });
    await page.setInputFiles('#receipt-file', upload('receipt.json', fileOf(cut)));
    await shards.filter({ hasText: 'no signed root' }).waitFor();
    expect(await page.getByRole('list', { name: 'Checks that failed' }).textContent()).toContain('boundary-chain');
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('checks the machine of a receipt under a policy, and shows the basis of the answer, without any network', async () => {
    const model = 'ogong/tee/test/synthetic';
    const tee = createSyntheticReceipt({
      ...{ crypto: nobleCrypto, ledger: made.receipt.ledger, tokens: 3, parameters: { model } },
      provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
      router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
      payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
      bend: { header: (header) => ({ ...header, tier: 'tee', method: 'attested-replay' }) },
      bendTicket: (ticket) => ({ ...ticket, modelId: model }),
    });
    const { order, record, ledger } = tee.receipt;
    const machine = createSoftwareMachine(ledger, hashHybridKey(nobleCrypto, record.publicKey), {
      provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
    });
    const attestation = await machine.attest({ order: order.bytes, record: record.bytes });
    const held = {
      ...toReceiptJson({ ...tee.receipt, evidence: new Map([['attestation', attestation]]) }),
      ...{ request: base64(tee.reply.request), response: base64(tee.reply.response) },
    };
    const { images, softwareKeys } = softwarePolicy;
    const { page, complaints } = await open(`${staticUrl}#/check`);
    await untilLoaded(page, 'checks', 'machine');
    await page.context().setOffline(true);
    const give = (name: string, content: object) =>
      page.setInputFiles('#receipt-file', upload(name, JSON.stringify(content)));
    await give('receipt.json', held);
    await page.getByText('nothing: the machine was not taken').waitFor();
    await page.getByText(/^All \d+ checks(, and \d+ beside the receipt)?$/).click();
    expect(await page.getByRole('list', { name: 'Checks that were not made' }).textContent()).toContain('machine');
    await give('policy.json', { images, softwareKeys });
    await page.getByText('nothing: an attester in software signed').waitFor();
    expect(await page.getByRole('list', { name: 'Checks that passed' }).textContent()).toContain('cpu-signature');
    expect(await findBarriers(page)).toEqual([]);
    // A policy for production names no attester in software.
    await give('policy.json', { images, softwareKeys: [] });
    await page.getByRole('list', { name: 'Checks that failed' }).getByText('cpu-vendor', { exact: true }).waitFor();
    await page.getByText('nothing: the machine was not taken').waitFor();
    await page.context().setOffline(false);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('says what is wrong with a file', async () => {
    const { page } = await open(`${staticUrl}#/check`);
    for (const [text, problem] of [
      ['hello', 'the file is no JSON'],
      ['{"name":"x"}', 'format is not'],
      [JSON.stringify({ ...receiptFile, request: undefined }), 'holds no request'],
      ['{"ledger":{},"validator":[]}', 'trust field'],
    ] as const) {
      await page.setInputFiles('#receipt-file', upload('given.json', text));
      await page.getByRole('alert').filter({ hasText: problem }).waitFor();
    }
    await page.close();
  });

  describe('the chat', () => {
    const say = async (page: Page, text: string): Promise<void> => {
      await page.getByLabel('Your question').fill(text);
      await page.keyboard.press('Enter');
    };

    it('answers, shows the checks of each answer, and keeps its history in the browser', async () => {
      const { page, complaints } = await open(fixture.url);
      await page.getByRole('radio', { name: /test\/synthetic/ }).waitFor();
      await page.getByText(/^\s*from .*per 1,000 tokens/).waitFor();
      expect(await page.getByRole('list', { name: 'Examples' }).getByRole('button').count()).toBe(3);
      await say(page, 'Hello');
      await page.locator('.found > summary', { hasText: /^\d+ checks passed/ }).waitFor();
      await page.locator('.found > summary').click();
      expect(await page.locator('.groups strong').allTextContents()).toEqual([
        ...['Signatures', 'Weights', 'Draws', 'Payment', 'Settlement'],
      ]);
      await page.getByText(/^All \d+ checks(, and \d+ beside the receipt)?$/).click();
      const proven = await page
        .getByRole('list', { name: 'Checks of the answer', exact: true })
        .locator('.pass b')
        .allTextContents();
      // The last one compares the page with the signed text.
      expect(proven).toEqual(expect.arrayContaining(['request-hash', 'draw-replay', 'fee', 'answer']));
      expect(await page.locator('.answer').textContent()).toContain('Once upon a time');
      await page.getByText(/^\d+ tokens · <?0\.0+\d+ OGONG$/).waitFor();
      expect(await findBarriers(page)).toEqual([]);
      await page.reload();
      expect(await page.locator('.question').allTextContents()).toEqual(['Hello']);
      await page.getByRole('button', { name: 'New chat' }).click();
      expect(await page.evaluate('localStorage.length')).toBe(0);
      expect(complaints).toEqual([]);
      await page.close();
    });

    it('makes a picture step by step, shows the signed pixels, and asks about pictures', async () => {
      const pictures = await createGatewayFixture({});
      const { page, complaints } = await open(pictures.url);
      // The fake model does both, and the list says which of them the page offers.
      let endpoints = ['/v1/images/generations'];
      await page.route('**/v1/models', async (route) => {
        const response = await route.fetch();
        const { data } = (await response.json()) as { data: readonly { readonly ogong: object }[] };
        const listed = data.slice(0, 1).map((one) => ({ ...one, ogong: { ...one.ogong, endpoints } }));
        await route.fulfill({ response, json: { data: listed } });
      });
      await page.reload();
      await page.getByText('makes pictures').waitFor();
      expect(await page.getByRole('button', { name: 'Add a picture' }).count()).toBe(0);
      const gate = Promise.withResolvers<undefined>();
      await page.route('**/v1/receipts/**', async (route) => {
        await gate.promise;
        await route.continue();
      });
      await say(page, 'a small fox');
      const picture = page.getByRole('img', { name: 'Picture of: a small fox' });
      await picture.waitFor();
      await page.getByText(/^8 units · fee not known yet$/).waitFor();
      gate.resolve(undefined);
      await page.locator('.found > summary', { hasText: /^\d+ checks passed/ }).waitFor();
      await page.locator('.found > summary').click();
      await page.getByText(/^All \d+ checks(, and \d+ beside the receipt)?$/).click();
      const proven = page.getByRole('list', { name: 'Checks of the answer', exact: true }).locator('.pass b');
      expect(await proven.allTextContents()).toEqual(
        expect.arrayContaining(['request-hash', 'pixels', 'fee', 'answer']),
      );
      const readCanvas = () => picture.evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
      const drawn = await readCanvas();
      const [saved] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'save the picture' }).click(),
      ]);
      expect(saved.suggestedFilename()).toMatch(/^picture-[0-9a-f]{32}\.png$/);
      const png = readFileSync((await saved.path()) as string).toString('base64');
      const readPixels = (url: string) => page.evaluate(`(${DRAW})(${JSON.stringify(url)})`);
      const shown = await readPixels(drawn);
      expect(shown).toMatch(/^data:image\/png;base64,.{100}/);
      expect(await readPixels(`data:image/png;base64,${png}`)).toBe(shown);
      // The history keeps no picture: the receipt has it.
      await page.reload();
      await picture.waitFor();
      expect(await readCanvas()).toBe(drawn);
      if (RECORD !== undefined) await page.screenshot({ path: join(RECORD, 'chat-made.png') });
      // A gateway that shows another picture is refuted.
      await page.route('**/v1/images/generations', async (route) => {
        const response = await route.fetch();
        const other = Buffer.from(await packPng({ width: 32, height: 32, pixels: new Uint8Array(32 * 32 * 3) }));
        const shown = JSON.stringify({ type: 'image_generation.completed', b64_json: other.toString('base64') });
        await route.fulfill({ response, body: `data: ${shown}\n\n` });
      });
      await say(page, 'a black square');
      await page.locator('.found.bad > summary', { hasText: /^1 check failed/ }).waitFor();
      expect(await page.locator('.found .fail b').allTextContents()).toEqual(['answer']);

      // It stays refuted, although the page then shows the signed picture.
      endpoints = ['/v1/chat/completions'];
      await page.reload();
      await page.getByRole('img', { name: 'Picture of: a black square' }).waitFor();
      expect(await page.locator('.found.bad .fail b').allTextContents()).toEqual(['answer']);
      const file = { name: 'a.png', mimeType: 'image/png', buffer: PICTURE_FILE };
      await page.setInputFiles('#picture-files', [file, { ...file, mimeType: 'text/plain' }]);
      await page.getByRole('alert').filter({ hasText: 'A picture is a PNG, JPEG, WebP or GIF file.' }).waitFor();
      await page.locator('.attached img').waitFor();
      await say(page, 'What is shown?');
      const last = page.locator('article').last();
      await last.locator('.found > summary', { hasText: /^\d+ checks passed/ }).waitFor();
      expect(await last.locator('.pictures img').count()).toBe(1);
      expect(await page.locator('.attached').count()).toBe(0);
      expect(pictures.network.media.at(-1)?.map((bytes) => Buffer.from(bytes))).toEqual([PICTURE_FILE]);
      for (const screen of SCREENS) {
        await changeScreen(page, screen);
        const name = `chat-pictures-${screen.width}-${screen.colorScheme}`;
        if (RECORD !== undefined) await page.screenshot({ path: join(RECORD, `${name}.png`) });
        expect(await findLayoutFaults(page, ['.top', '.chat aside', '.turns', '.foot']), name).toEqual([]);
      }
      expect(await findBarriers(page)).toEqual([]);
      await page.reload();
      await page.getByText('1 picture of this question is not in the history.').waitFor();
      expect(complaints).toEqual([]);
      await page.close();
      await pictures.close();
    });

    it('shows an answer piece by piece, and what it costs, while it comes', async () => {
      const held = await holdStream(fixture.url, 3);
      try {
        const { page } = await open(held.url);
        await page.getByRole('radio', { name: /test\/synthetic/ }).waitFor();
        await say(page, 'Hello');
        const note = page.locator('article .note').first();
        await note.filter({ hasText: /^3 pieces so far · at least <?0\.0+[1-9]\d* OGONG$/ }).waitFor();
        const first = await page.locator('.answer').textContent();
        // The gateway has more of it, and the page has no end yet.
        expect(await page.locator('.found').count()).toBe(0);
        expect(await page.getByRole('button', { name: 'Stop' }).isVisible()).toBe(true);
        held.letOn(1);
        await note.filter({ hasText: /^4 pieces so far/ }).waitFor();
        const second = await page.locator('.answer').textContent();
        held.letOn(Number.POSITIVE_INFINITY);
        await page.locator('.found > summary', { hasText: /^\d+ checks passed/ }).waitFor();
        const whole = await page.locator('.answer').textContent();
        expect(first).not.toBe('');
        expect([second?.startsWith(first as string), whole?.startsWith(second as string)]).toEqual([true, true]);
        expect(new Set([first, second, whole]).size).toBe(3);
        await note.filter({ hasText: /^\d+ tokens · <?0\.0+\d+ OGONG$/ }).waitFor();
        await page.close();
      } finally {
        await held.close();
      }
    });

    it('refutes an answer that a gateway changed on its way, and a receipt for another question', async () => {
      const { page } = await open(fixture.url);
      await page.route('**/v1/chat/completions', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: (await response.text()).replace('" fox"', '" wolf"') });
      });
      await page.getByRole('radio', { name: /test\/synthetic/ }).waitFor();
      await say(page, 'Hello');
      await page.locator('.found.bad > summary', { hasText: /^1 check failed/ }).waitFor();
      expect(await page.locator('.found .fail b').allTextContents()).toEqual(['answer']);
      await page.unroute('**/v1/chat/completions');
      await page.route('**/v1/chat/completions', (route) =>
        route.continue({ postData: (route.request().postData() ?? '').replace('Goodbye', 'Good day') }),
      );
      await say(page, 'Goodbye');
      await page.locator('.found.bad').nth(1).waitFor();
      expect(await page.locator('.found.bad').nth(1).locator('.fail b').allTextContents()).toContain('request-hash');
      await page.close();
    });

    describe('of a model in attested machines', () => {
      const model = 'ogong/tee/test/synthetic';
      const PROMPT = 'The zebra Quixambre hid a turquoise umbrella.';
      const WORDS = ['Quixambre', ' has', ' gone', ' to', ' Vandobel', '.'];
      const { images, softwareKeys } = softwarePolicy;
      let sealed: GatewayFixture;
      beforeAll(async () => {
        const provider = { seals: true, words: WORDS, attester: softwareMachine };
        sealed = await createGatewayFixture({ providers: [provider], model, modalities: [text.name] });
      });
      afterAll(() => sealed?.close());

      /** Opens the chat, and keeps the bodies of all requests of the page. */
      async function openChat(policy: object | undefined) {
        const { page, complaints } = await open(sealed.url);
        const sent: { readonly path: string; readonly body: string }[] = [];
        page.on('request', (request) =>
          sent.push({
            path: new URL(request.url()).pathname,
            body: request.postDataBuffer()?.toString('latin1') ?? '',
          }),
        );
        await page.getByRole('radio', { name: /test\/synthetic/ }).waitFor();
        if (policy) await page.setInputFiles('#policy', upload('policy.json', JSON.stringify(policy)));
        await page
          .getByText(policy ? 'A policy is kept in this browser.' : 'Without a policy nothing is sent.')
          .waitFor();
        const posted = () => sent.filter(({ path, body }) => path.startsWith('/v1/') && body !== '');
        const { orders, requests } = sealed.network;
        const [before, asked] = [orders.length, requests.length];
        const listOrders = () => orders.slice(before);
        const listRequests = () => requests.slice(asked);
        return { page, complaints, posted, listOrders, listRequests };
      }
      /** Asks, and expects that no provider got an order and no request had a word of the question. */
      async function expectRefusal({ page, posted, listOrders }: Awaited<ReturnType<typeof openChat>>, why: RegExp) {
        await say(page, PROMPT);
        await page.locator('article .note.bad', { hasText: why }).waitFor();
        expect(posted().filter(({ path }) => path !== '/v1/ogong/offers')).toEqual([]);
        expect(posted().some(({ body }) => body.includes('Quixambre'))).toBe(false);
        expect(listOrders()).toEqual([]);
        await page.close();
      }

      it('shows a sealed answer with the checks of its receipt and machine, and its gateway reads nothing', async () => {
        const { page, complaints, posted, listRequests } = await openChat({ images, softwareKeys });
        expect(await findBarriers(page)).toEqual([]);
        await say(page, PROMPT);
        await page.locator('.found summary', { hasText: /^\d+ checks passed/ }).waitFor();
        expect(await page.locator('.answer').textContent()).toBe(WORDS.join(''));
        await page.locator('.found > summary').click();
        await page.getByText(/^All \d+ checks(, and \d+ beside the receipt)?$/).click();
        const listed = page.getByRole('list', { name: 'Checks of the answer', exact: true });
        const proven = await listed.locator('.pass b').allTextContents();
        expect(proven).toEqual(
          expect.arrayContaining([
            'request-hash',
            'draw-replay',
            'fee',
            'answer',
            'machine',
            'cpu-signature',
            'report-data',
          ]),
        );
        expect(await listed.locator('.fail b').allTextContents()).toEqual([]);
        expect(posted().map(({ path }) => path.replace(/[0-9a-f]{32}/, 'ID'))).toEqual([
          '/v1/ogong/offers',
          '/v1/ogong/replies',
          ...Array.from({ length: posted().length - 3 }, () => '/v1/ogong/replies/ID/progress'),
          '/v1/ogong/replies/ID/outcome',
        ]);
        expect(posted().some(({ body }) => /Quixambre|Vandobel/.test(body))).toBe(false);
        expect(listRequests().map((one) => new TextDecoder().decode(one))).toEqual([
          expect.stringContaining('Quixambre'),
        ]);
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page.getByRole('button', { name: 'save the receipt' }).click(),
        ]);
        const saved = readDroppedFile(readFileSync((await download.path()) as string));
        expect(saved.kind === 'receipt' && new TextDecoder().decode(saved.receipt.response)).toBe(WORDS.join(''));
        expect(complaints).toEqual([]);
        await page.close();
      });

      it('sends nothing without a policy', async () => {
        await expectRefusal(await openChat(undefined), /^Nothing was sent: this model runs in attested machines/);
      });

      it('sends nothing to a machine with another measurement', async () => {
        const chat = await openChat({ images: ['00'.repeat(32)], softwareKeys });
        await expectRefusal(chat, /^Nothing was sent to this machine: .*machine: image/);
      });

      it.each([
        [
          'the attested key',
          (offer: SealedOfferJson) => ({
            ...offer,
            machine: { ...offer.machine, attestedKey: btoa('\x01'.repeat(32)) },
          }),
        ],
        ['the evidence', ({ machine: _, ...offer }: SealedOfferJson) => offer],
      ])('sends nothing if its gateway changes %s', async (_what, meddle) => {
        const chat = await openChat({ images, softwareKeys });
        await chat.page.route('**/v1/ogong/offers', async (route) => {
          const response = await route.fetch();
          await route.fulfill({ response, json: meddle((await response.json()) as SealedOfferJson) });
        });
        await expectRefusal(chat, /^Nothing was sent to this machine: the offer does not hold: machine: /);
      });

      it('takes no file that is no policy, or names a list that the page cannot read', async () => {
        const { page } = await openChat(undefined);
        for (const [text, why] of [
          ['{"image": []}', 'image'],
          ['{"imageList": "maker/name"}', 'Name the images in the policy'],
        ] as const) {
          await page.setInputFiles('#policy', upload('policy.json', text));
          await page
            .getByRole('alert')
            .filter({ hasText: 'This policy is not used: ' })
            .filter({ hasText: why })
            .waitFor();
        }
        await page.getByText('Without a policy nothing is sent.').waitFor();
        await page.close();
      });
    });

    it('says why there is no answer, copies the question as code, and fits a phone', async () => {
      const context = await browser.newContext({ viewport: { width: 390, height: 800 }, colorScheme: 'dark' });
      await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: fixture.url });
      const page = await context.newPage();
      await page.goto(fixture.url);
      // The list of models is closed on a phone.
      const picker = page.locator('.picker summary', { hasText: 'test/synthetic' });
      await picker.click();
      await page.getByRole('radio', { name: /test\/synthetic/ }).waitFor();
      await picker.click();
      await page.getByLabel('Your question').fill("it's me");
      await page.getByRole('button', { name: 'Code', exact: true }).click();
      const copyAs = async (kind: string): Promise<unknown> => {
        await page.getByLabel('Client').selectOption(kind);
        await page.getByRole('button', { name: 'Copy the code' }).click();
        await page.getByRole('button', { name: 'copied' }).waitFor();
        const copied = await page.evaluate('navigator.clipboard.readText()');
        await page.getByRole('button', { name: 'Copy the code' }).waitFor();
        return copied;
      };
      expect(await copyAs('curl')).toContain(String.raw`it'\''s me`);
      const url = JSON.stringify(`${fixture.url}/v1`);
      expect(await copyAs('openai for Python')).toContain(`client = OpenAI(base_url=${url}`);
      expect(await copyAs('openai for JavaScript')).toContain(`new OpenAI({ baseURL: ${url}`);
      expect(await findBarriers(page)).toEqual([]);
      await page.getByRole('button', { name: 'close' }).click();
      await page.route('**/v1/chat/completions', (route) =>
        route.fulfill({ status: 503, json: { error: { message: 'All providers are busy.' } } }),
      );
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Ask' }).click();
      await page.getByText('All providers are busy.').waitFor();
      // One failure is one error.
      expect(await page.getByText('All providers are busy.').count()).toBe(1);
      expect(await findBarriers(page)).toEqual([]);
      expect(await findWide(page)).toEqual([]);
      await context.close();
    });

    it('shows Markdown by elements, marks an answer that was cut, asks again and replaces an edited question', async () => {
      const { page, complaints } = await open(fixture.url);
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: fixture.url });
      await page.getByRole('radio', { name: /test\/synthetic/ }).waitFor();
      const asked: string[][] = [];
      const text =
        '  **Bold** <img src=x onerror="globalThis.wasRun=1">\n\n![far](https://far.example/x)\n\n```js\nlet a = 1;\n```';
      await page.route('**/v1/chat/completions', async (route) => {
        const { messages } = route.request().postDataJSON() as { messages: { content: string; role: string }[] };
        asked.push(messages.filter(({ role }) => role === 'user').map(({ content }) => content));
        const response = await route.fetch();
        const events = [{ delta: { content: text } }, { delta: {}, finish_reason: 'length' }];
        const body = events.map((choice) => `data: ${JSON.stringify({ choices: [choice] })}\n\n`).join('');
        await route.fulfill({ response, body: `${body}data: [DONE]\n\n` });
      });
      await say(page, 'One');
      await page.locator('.cut', { hasText: 'cut at the limit of tokens or context' }).waitFor();
      expect(await page.locator('.answer strong').textContent()).toBe('Bold');
      expect(await page.locator('.answer').textContent()).toMatch(/^Bold <img src=x/);
      expect(await page.locator('.answer img').count()).toBe(0);
      expect(await page.locator('.answer a').getAttribute('rel')).toBe('noopener noreferrer nofollow');
      const buttons = [
        ['Copy the code', 'let a = 1;'],
        ['Copy the answer', text.trimStart()],
      ] as const;
      for (const [name, copied] of buttons) {
        await page.getByRole('button', { name }).click();
        await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe(copied);
      }
      await say(page, 'Two');
      await page.locator('.actions').nth(1).waitFor();
      await page.getByRole('button', { name: 'regenerate' }).last().click();
      await expect.poll(() => asked.length).toBe(3);
      await page.getByRole('button', { name: 'edit' }).first().click();
      await page.getByRole('button', { name: 'keep the old one' }).click();
      await page.getByRole('button', { name: 'edit' }).first().click();
      await expect.poll(() => page.getByLabel('Your question').inputValue()).toBe('One');
      await say(page, 'Three');
      await expect.poll(() => page.locator('.question').allTextContents()).toEqual(['Three']);
      await expect.poll(() => asked).toEqual([['One'], ['One', 'Two'], ['One', 'Two'], ['Three']]);
      // Replaced answers were paid for.
      await page.getByText(/ in 4 answers\./).waitFor();
      expect(await page.evaluate('globalThis.wasRun')).toBeUndefined();
      expect(complaints).toEqual([]);
      await page.close();
    });

    it('says that the gateway does not answer, or has broken off, and asks again', async () => {
      const { page, complaints } = await open(fixture.url);
      await page.getByRole('radio', { name: /test\/synthetic/ }).waitFor();
      await page.route('**/v1/**', (route) => route.abort());
      await say(page, 'Hello');
      await page.locator('article .note.bad', { hasText: 'The gateway does not answer.' }).waitFor();
      await page.reload();
      await page.getByText('The gateway does not answer.').first().waitFor();
      await page.unroute('**/v1/**');
      await page.reload();
      await page.getByRole('radio', { name: /test\/synthetic/ }).waitFor();
      await say(page, 'Hello again');
      await page.locator('.found > summary', { hasText: /^\d+ checks passed/ }).waitFor();
      expect(complaints).toEqual([]);
      await page.close();
      const held = await holdStream(fixture.url, 3);
      const broken = await open(held.url);
      await broken.page.getByRole('radio', { name: /test\/synthetic/ }).waitFor();
      await say(broken.page, 'Hello');
      await broken.page.getByText(/^3 pieces so far/).waitFor();
      await held.close();
      await broken.page.locator('article .note.bad', { hasText: 'The gateway broke off.' }).waitFor();
      await broken.page.close();
    });

    it('fits a phone, a tablet and a desk, in light and dark', async () => {
      const { page, complaints } = await open(fixture.url);
      await page.getByRole('radio', { name: /test\/synthetic/ }).waitFor();
      const wide = 'w'.repeat(300);
      const text = `# A\n\n${wide}\n\n\`\`\`\n${wide}\n\`\`\`\n\n|a|b|\n|-|-|\n|${wide}|1|\n\n1. one\n\n> two`;
      await page.route('**/v1/chat/completions', async (route) => {
        const body = `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}\n\ndata: [DONE]\n\n`;
        await route.fulfill({ response: await route.fetch(), body });
      });
      await say(page, 'Hello');
      await page.locator('.found > summary').waitFor();
      for (const screen of SCREENS) {
        await changeScreen(page, screen);
        const name = `chat-${screen.width}-${screen.colorScheme}`;
        if (RECORD !== undefined) await page.screenshot({ path: join(RECORD, `${name}.png`) });
        expect(await findLayoutFaults(page, ['.top', '.chat aside', '.turns', '.foot']), name).toEqual([]);
        if (screen.width !== 768) expect(await findBarriers(page), name).toEqual([]);
      }
      expect(complaints).toEqual([]);
      await page.close();
    });

    it('asks for a key if the gateway requires one, keeps it nowhere, and saves a receipt by it', async () => {
      const { page } = await open(fixture.url);
      let seen: string | undefined;
      await page.route('**/v1/models', (route) => {
        seen = route.request().headers().authorization;
        return seen === 'Bearer right'
          ? route.continue({ headers: { ...route.request().headers(), authorization: '' } })
          : route.fulfill({ status: 401, json: { error: { message: 'Incorrect API key provided.' } } });
      });
      await page.reload();
      await page.getByLabel('API key').fill('wrong');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').filter({ hasText: 'Incorrect' }).waitFor();
      await page.getByLabel('API key').fill('right');
      await page.keyboard.press('Enter');
      await page.getByRole('radio', { name: /test\/synthetic/ }).waitFor();
      expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage])')).toBe('[{},{}]');
      // The gateway of the fixture knows no key.
      let paths: string[] = [];
      await page.route(/\/v1\/(chat|receipts)/, (route) => {
        const { authorization, ...headers } = route.request().headers();
        if (authorization !== 'Bearer right') return route.fulfill({ status: 401, json: {} });
        paths = [...paths, new URL(route.request().url()).pathname.slice(0, 12)];
        return route.continue({ headers });
      });
      await say(page, 'Hello');
      await page.locator('.found > summary', { hasText: /^\d+ checks passed/ }).click();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'save the receipt' }).click(),
      ]);
      expect(download.suggestedFilename()).toMatch(/^receipt-[0-9a-f]{32}\.json$/);
      const saved = readFileSync((await download.path()) as string);
      expect(readDroppedFile(saved).kind).toBe('receipt');
      expect(new Set(paths)).toEqual(new Set(['/v1/chat/com', '/v1/receipts']));
      expect(await page.evaluate('JSON.stringify({ ...localStorage }).includes("right")')).toBe(false);
      await page.close();
    });

    it('remembers a conversation for a key, recalls it, says why, changes it and forgets it', async () => {
      const directory = createTestDirectory('explorer-memory');
      const keysPath = `${directory.path}/accounts.db`;
      const { secret } = await addTestKey({ path: keysPath });
      const text = 'The user lives in Porto';
      const memory = { first: 1, last: 1, subject: 'user', text, type: 'semantic', categories: ['identity'] };
      const words = JSON.stringify({ memories: [memory] }).match(/.{1,16}/g) ?? [];
      const store = createPlainMemoryStore({ nowMs: () => Date.now() });
      const names = { chat: FAKE_MODEL, embedding: FAKE_MODEL, rerank: undefined };
      const modalities = ['text', embedding.name];
      const gateway = await createGatewayFixture({
        ...{ keysPath, modalities, providers: [{ words }], memories: { store, names } },
      });
      const { page, complaints } = await open(gateway.url);
      const prompts: string[] = [];
      page.on('request', (request) => {
        if (!request.url().endsWith('/v1/chat/completions')) return;
        const { messages } = request.postDataJSON() as { messages: { role: string; content: string }[] };
        prompts.push(messages.find(({ role }) => role === 'system')?.content ?? '');
      });
      await page.getByLabel('API key').fill(secret);
      await page.keyboard.press('Enter');
      const remember = page.getByLabel('Remember this conversation');
      await remember.waitFor();
      expect(await remember.isChecked()).toBe(false);
      await remember.check();
      await say(page, 'I live in Porto.');
      await page.getByText('0 memories used').waitFor();
      await page.getByText('1 memory stored').waitFor();
      await say(page, 'Where do I live?');
      await page.getByText('1 memory used').waitFor();
      expect(prompts[0]).toBe('');
      expect(prompts[1]).toMatch(/<recalled-memory id="[0-9a-f]{32}">The user lives in Porto<\/recalled-memory>$/);

      await page.getByRole('button', { name: 'Show memories' }).click();
      const known = page.getByRole('list', { name: 'Memories' }).locator('li.memory');
      await known.locator('.wraps', { hasText: text }).waitFor();
      const category = page.getByLabel('Category');
      await category.selectOption({ label: 'health (0)' });
      await page.getByText('No memory fits this filter.').waitFor();
      await category.selectOption({ label: 'identity (1)' });
      await page.getByLabel('Type').selectOption({ label: 'semantic (1)' });
      await page.getByLabel('As of').fill('2020-01-01');
      await page.getByText('No memory fits this filter.').waitFor();
      await page.getByLabel('As of').fill('');
      await page.getByLabel('Find memories').fill('Porto');
      await page.keyboard.press('Enter');
      await page.getByText('1 memory', { exact: true }).waitFor();
      await page.route('**/v1/profile?include=bio*', (route) =>
        route.fulfill({
          json: {
            bio: { sources: [{ text, memories: ['1'] }], generated_at: '2026-05-08T10:00:00Z', is_written: false },
            categories: {},
          },
        }),
      );
      await page.getByText('About you').click();
      await page.getByText('from 1 memory').waitFor();
      await known.getByText('Why').click();
      await known.locator('blockquote', { hasText: 'I live in Porto.' }).waitFor();
      const proposal = known.getByRole('link', { name: /^Call that proposed it: reply/ });
      expect(await proposal.getAttribute('href')).toMatch(/^\/explorer\/#\/reply\/[0-9a-f]{32}$/);
      await known.getByRole('button', { name: 'check the receipt: Call that proposed it' }).click();
      const groups = known.getByRole('list', { name: 'Checks: Call that proposed it' });
      expect(await groups.textContent()).toMatch(/Signatures \d+ proven/);
      expect(await groups.textContent()).not.toContain('refuted');
      for (const screen of [{ width: 360, height: 800, colorScheme: 'light' as const }, ...SCREENS]) {
        await changeScreen(page, screen);
        const name = `chat-memories-${screen.width}-${screen.colorScheme}`;
        if (RECORD !== undefined) await page.screenshot({ path: join(RECORD, `${name}.png`) });
        expect(await findLayoutFaults(page, ['.top', '.chat aside', '.memories']), name).toEqual([]);
        if (screen.width !== 768) expect(await findBarriers(page), name).toEqual([]);
      }
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'export', exact: true }).click(),
      ]);
      expect(download.suggestedFilename()).toBe('memories.jsonl');
      const exported = readFileSync((await download.path()) as string);
      const proof = JSON.parse(exported.toString());
      expect(proof).toMatchObject({ memory: { content: text }, calls: { extraction: { endpoint: 'chat' } } });
      await known.getByRole('button', { name: /^edit/ }).click();
      await page.keyboard.press('Escape');
      await known.getByRole('button', { name: /^edit/ }).and(page.locator(':focus')).waitFor();
      await known.getByRole('button', { name: /^edit/ }).click();
      await known.getByLabel('Text of the memory').fill('<b>I live in Lisbon</b>');
      await known.getByRole('button', { name: 'save' }).click();
      await known.locator('.wraps', { hasText: '<b>I live in Lisbon</b>' }).waitFor();
      await known.getByText('Why').click();
      await known.getByText('You wrote this text').waitFor();
      await known.getByRole('button', { name: /^forget/ }).click();
      await known.getByText('This erases the memory with its earlier versions').waitFor();
      expect(await findBarriers(page)).toEqual([]);
      await page.keyboard.press('Enter');
      await known.waitFor({ state: 'detached' });
      const file = { name: 'memories.jsonl', mimeType: 'application/jsonl', buffer: exported };
      for (const counts of ['1 imported, 0 known.', '0 imported, 1 known.']) {
        await page.getByLabel('File of exported memories').setInputFiles(file);
        await page.getByText(counts).waitFor();
      }
      await known.locator('.wraps', { hasText: text }).waitFor();
      const forged = exported
        .toString()
        .replaceAll(text, 'The user lives in Paris')
        .replaceAll(proof.memory.id, '0a'.repeat(16));
      await page.getByLabel('File of exported memories').setInputFiles({ ...file, buffer: Buffer.from(forged) });
      await page.getByRole('alert').filter({ hasText: 'line 1: the proof of the memory fails: candidate' }).waitFor();
      await page.getByRole('button', { name: 'back to the chat' }).click();
      await page.getByRole('button', { name: 'New chat' }).click();
      expect(await remember.isChecked()).toBe(false);
      expect(complaints).toEqual([]);
      await page.close();
      await gateway.close();
      directory.remove();
    });
  });
});
