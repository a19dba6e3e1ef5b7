import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { QUICK_TIMINGS } from '@ogong/devnet/mesh/mesh-plan';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { type CheckedReply, createClient, fetchReceipt } from '@ogong/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readGateway, readReplyState } from '../bad-days/stores.ts';
import { startTestMesh, type TestMesh } from '../bad-days/test-mesh.ts';
import { waitUntil } from '../demo/polling.ts';
import type { AskedReply } from '../demo/run-record.ts';
import { findScattered, findText, findTokens } from './search-files.ts';
import { WIRE_TAP, wireTapEntry } from './wire-tap.ts';

const PROVIDERS = 2;
const PATIENCE_MS = 180_000;
const SEALED = 'The zebra Quixambre hid a turquoise umbrella.';
const BARE = 'The heron Vandobel lost a crimson lantern.';
const BLIND = 'The otter Zephirole buried an emerald spoon.';
const FLOWING = 'The lynx Ombravelle counted copper thimbles.';
/** Long epochs: two replies are ordered and their records received before the beacon that decides about the first. */
const TIMINGS = { ...QUICK_TIMINGS, epochMs: 10_000 };

let network: TestMesh;
let wire: string;

beforeAll(async () => {
  wire = mkdtempSync(join(tmpdir(), 'ogong-wire-'));
  // Files of a daemon outside its own directory are searched together with its traffic.
  const temporary = join(wire, 'temporary');
  mkdirSync(temporary);
  network = await startTestMesh({
    ...{ providers: PROVIDERS, relay: { providers: PROVIDERS }, timings: TIMINGS },
    ...{ preloads: [wireTapEntry], environment: { [WIRE_TAP]: wire, TMPDIR: temporary } },
  });
}, 240_000);
afterAll(async () => {
  await network?.stop();
  rmSync(wire, { recursive: true, force: true });
});

/** Repeats a request until it is answered. */
async function askUntilAnswered(prompt: string): Promise<AskedReply> {
  let reply: AskedReply | undefined;
  const isAnswered = async (): Promise<boolean> => {
    reply = await network.ask(prompt);
    return reply.receipts !== undefined;
  };
  expect(await waitUntil(isAnswered, PATIENCE_MS), reply?.error).toBe(true);
  return reply as AskedReply;
}

/** The names of the directories below another one that files lie in, each once. */
const nameOwners = (paths: readonly string[]): string[] => [
  ...new Set(paths.map((path) => path.split(sep)[0] as string)),
];

/** Returns the daemons that hold a text: the names of the directories below this one. */
const holders = (directory: string, text: string, ending = ''): string[] =>
  nameOwners(findText(directory, text).filter((path) => path.endsWith(ending)));

/** Returns the daemons that hold an answer's tokens. Openings list candidates in their own form, in which no token is beside the next. */
const tokenHolders = (directory: string, receipt: Receipt | undefined): string[] =>
  nameOwners(findTokens(directory, readTokens(receipt)));

/** Returns the daemons that hold the pieces of a stream in sequence. It looks for the end, because many answers of this model begin alike. */
const pieceHolders = (directory: string, pieces: readonly string[]): string[] =>
  nameOwners(findScattered(directory, pieces.slice(-MOST_PIECES)));

const MOST_PIECES = 32;

/** Reads the pieces of a stream, without those that JSON escapes. */
async function readPieces(stream: AsyncIterable<Chunk>): Promise<string[]> {
  const pieces: string[] = [];
  for await (const { choices } of stream) {
    const piece = choices[0]?.delta.content;
    pieces.push(...(piece ?? '').split(/[\n"\\]/).filter((part) => part !== ''));
  }
  return pieces;
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string | null } }[];
}

/** As many as make no other answer. */
function readTokens(receipt: Receipt | undefined): number[] {
  if (receipt === undefined || !('bytes' in receipt.opening)) throw new Error('the receipt has no opening');
  const { header, windows } = parseOpening(receipt.opening.bytes);
  const vocabulary = parseHeader(header);
  return windows.flatMap(({ draws }) => decodeDraws(draws, vocabulary).rows.map(tokenOf)).slice(0, 16);
}

/** Returns the daemons that served and handled a reply. */
const nameParties = ({ receipts }: AskedReply): Parties => nameOrder(receipts?.full);

interface Parties {
  readonly provider: string;
  readonly handler: string;
}

function nameOrder(receipt: Receipt | undefined): Parties {
  const order = parseOrder(receipt?.order.bytes ?? new Uint8Array());
  const validator = `0x${toHex(order.validator)}`;
  const provider = network.members.find(({ providerId }) => providerId === toHex(order.providerId))?.name;
  const handler = network.members.find(({ address }) => address === validator)?.name;
  return { provider: provider ?? 'nobody', handler: handler ?? 'nobody' };
}

/** A piece of the answer that no number or quotation mark of a format can have changed. */
const pickPiece = ({ response }: Pick<AskedReply, 'response'>): string => pickText(response);

const pickText = (response: Uint8Array): string => {
  const pieces = new TextDecoder().decode(response).match(/[A-Za-z ,.]{20,}/g) ?? [];
  return pieces.sort((a, b) => b.length - a.length)[0]?.slice(0, 40) ?? 'there was no answer to look for';
};

const isClosed = (): boolean =>
  readGateway(network.mesh.plan.directory).orders.every(({ state }) => state === 'closed');

const sizeOf = (directory: string): number =>
  readdirSync(directory).reduce((sum, name) => sum + readFileSync(join(directory, name)).length, 0);

interface SealedReply extends Parties {
  readonly receipt: Receipt;
  readonly replyId: string;
  /** The prompt, and a piece of the answer. */
  readonly texts: readonly string[];
}

/** Asks as a client that seals, once for a whole answer and once for a stream. @returns the latter last, with its pieces */
async function askSealed(): Promise<{ readonly sealed: readonly SealedReply[]; readonly pieces: readonly string[] }> {
  const { gatewayUrl: baseUrl } = network.mesh.plan;
  // The validator's receipt of the record is awaited later.
  const client = createClient({ baseUrl, isSealed: true, trust: network.trust, allow: ['intake'] });
  const asked = { model: network.model.id, max_tokens: 64, temperature: 0 };
  const say = (content: string) => ({ ...asked, messages: [{ role: 'user', content }] });
  const whole = await client.chat.completions.create(say(BLIND));
  const stream = await client.chat.completions.create({ ...say(FLOWING), stream: true });
  const pieces = await readPieces(stream);
  const sealed = [
    { prompt: BLIND, reply: whole.replies[0] as CheckedReply },
    { prompt: FLOWING, reply: stream.checked?.replies[0] as CheckedReply },
  ].map(({ prompt, reply: { receipt, replyId, response } }) => ({
    ...{ receipt, replyId, texts: [prompt, pickText(response)], ...nameOrder(receipt) },
  }));
  return { sealed, pieces };
}

/** Daemons that hold a text of a sealed reply before its audit. Only its provider may. */
interface Leak {
  readonly text: string;
  readonly disks: readonly string[];
  readonly wire: readonly string[];
}

/** Does something while no validator does: nothing is audited meanwhile, however long it takes. */
function whileValidatorsStand(look: () => void): void {
  // Windows has no signal that stops a process and lets it go on.
  const validators = process.platform === 'win32' ? [] : network.members.filter(({ role }) => role === 'validator');
  for (const { name } of validators) network.signalDaemon(name, 'SIGSTOP');
  try {
    look();
  } finally {
    for (const { name } of validators) network.signalDaemon(name, 'SIGCONT');
  }
}

/** Waits until validators have the records. */
async function waitForIntake(sealed: readonly SealedReply[]): Promise<void> {
  const { gatewayUrl: baseUrl } = network.mesh.plan;
  for (const { replyId: id } of sealed) {
    const isTaken = async (): Promise<boolean> =>
      (await fetchReceipt({ baseUrl, id, compact: true })).receipt.intake !== undefined;
    expect(await waitUntil(isTaken, PATIENCE_MS)).toBe(true);
  }
}

/** Searches for sealed replies without an audit. */
function searchUnaudited({ sealed, pieces }: Awaited<ReturnType<typeof askSealed>>): readonly Leak[] {
  const { directory: disks } = network.mesh.plan;
  const leaks: Leak[] = [];
  for (const { provider, texts, receipt } of sealed) {
    const others = (names: readonly string[]): string[] => names.filter((name) => name !== provider);
    for (const text of texts) {
      expect(holders(disks, text), `the search finds ${text}`).toContain(provider);
      leaks.push({ text, disks: others(holders(disks, text)), wire: others(holders(wire, text)) });
    }
    leaks.push({
      text: 'tokens',
      ...{ disks: others(tokenHolders(disks, receipt)), wire: others(tokenHolders(wire, receipt)) },
    });
  }
  // A gateway that opened a stream would pass it on piece by piece.
  const { provider } = sealed.at(-1) as SealedReply;
  const others = (directory: string) => pieceHolders(directory, pieces).filter((name) => name !== provider);
  return [...leaks, { text: 'pieces', disks: others(disks), wire: others(wire) }];
}

describe('a prompt and its answer, in a network of processes', () => {
  let plain: AskedReply;
  let sealed: readonly SealedReply[];
  let leaks: readonly Leak[];
  /** Of each one's validator, after that search. */
  let statesThen: (string | undefined)[];

  beforeAll(async () => {
    plain = await askUntilAnswered(SEALED);
    const asked = await askSealed();
    sealed = asked.sealed;
    await waitForIntake(sealed);
    whileValidatorsStand(() => {
      leaks = searchUnaudited(asked);
      const { directory } = network.mesh.plan;
      statesThen = sealed.map(({ handler, replyId }) => readReplyState(directory, handler, replyId));
    });
    // Decided and settled everywhere: no daemon sees more of the replies after this.
    expect(await waitUntil(async () => isClosed(), PATIENCE_MS)).toBe(true);
  }, 600_000);

  it('are held by gateway, provider, handling validator and verifiers alone: on the wire, on disks and in logs', () => {
    const { provider, handler } = nameParties(plain);
    const piece = pickPiece(plain);
    const disks = network.mesh.plan.directory;

    // With TLS taken off. The verifiers were drawn by the beacon.
    const mayHear = /^(gateway|verifier-\d)$/;
    for (const text of [SEALED, piece]) {
      const heard = holders(wire, text).filter((name) => !mayHear.test(name));
      expect(heard.toSorted(), `wire: ${text}`).toEqual([provider, handler].toSorted());
      expect(holders(disks, text).toSorted(), `disks: ${text}`).toEqual(['gateway', provider, handler].toSorted());
    }
    // Everything reached the provider sealed, so an owner of its TLS key saw nothing.
    expect(holders(wire, SEALED, '.in')).not.toContain(provider);
    expect(holders(wire, SEALED, '.in')).toContain('gateway');
    // Verifiers and co-signers of a verdict receive the tokens of an answer. So this search can fail.
    const told = tokenHolders(wire, plain.receipts?.full);
    expect(told.filter((name) => name.startsWith('verifier-'))).not.toEqual([]);
    for (const name of ['relay', 'router', 'chain']) {
      expect(told, name).not.toContain(name);
      expect(tokenHolders(disks, plain.receipts?.full), name).not.toContain(name);
    }
    // The relay and the router were there, and what was kept of them is no empty file.
    for (const name of ['relay', 'router']) expect(sizeOf(join(wire, name)), name).toBeGreaterThan(5_000);
  });

  it('are held by their provider alone where the client seals, and by the handling validator once they are audited', () => {
    const disks = network.mesh.plan.directory;
    for (const { text, ...others } of leaks) expect(others, text).toEqual({ disks: [], wire: [] });
    // No audit was possible by then.
    expect(statesThen).toEqual(['recorded', 'recorded']);
    const last = sealed.at(-1) as SealedReply;
    for (const name of ['gateway', 'relay', 'router', last.handler]) {
      expect(sizeOf(join(wire, name)), name).toBeGreaterThan(5_000);
    }

    const mayHear = /^verifier-\d$/;
    for (const { provider, handler: own, texts, receipt } of sealed) {
      for (const text of texts) {
        expect(holders(disks, text).toSorted(), `disks: ${text}`).toEqual([provider, own].toSorted());
        const heard = holders(wire, text).filter((name) => !mayHear.test(name));
        expect(heard.toSorted(), `wire: ${text}`).toEqual([provider, own].toSorted());
      }
      // Found where the answer is scored, and so it can be found.
      expect(tokenHolders(wire, receipt).filter((name) => mayHear.test(name))).not.toEqual([]);
      for (const name of ['gateway', 'relay', 'router']) expect(tokenHolders(wire, receipt)).not.toContain(name);
    }
  });

  it('come to the provider in plain where nothing is sealed, so that this search can fail', async () => {
    process.env.OGONG_GATEWAY_SEAL = 'off';
    try {
      await network.mesh.restart('gateway');
      // An answer is enough. The search above covers the time until the settlement.
      const reply = await askUntilAnswered(BARE);
      const client = createClient({ baseUrl: network.mesh.plan.gatewayUrl, trust: network.trust, allow: ['intake'] });
      const asked = { model: network.model.id, max_tokens: 64, temperature: 0, stream: true as const };
      const stream = await client.chat.completions.create({ ...asked, messages: [{ role: 'user', content: BARE }] });
      const pieces = await readPieces(stream);
      // All is asked by now: a search holds this process up, which then knows of no link that the gateway has closed meanwhile.
      const { provider } = nameParties(reply);
      expect(holders(wire, BARE, '.in')).toContain(provider);
      expect(holders(wire, pickPiece(reply), '.in')).toContain('gateway');
      expect(pieceHolders(wire, pieces)).toContain('gateway');
      // The relay copies links that are encrypted in any case, and the router receives hashes.
      expect(holders(wire, BARE)).not.toContain('relay');
      expect(holders(wire, BARE)).not.toContain('router');
    } finally {
      delete process.env.OGONG_GATEWAY_SEAL;
    }
  }, 600_000);
});
