import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkMachine } from '@ogong/attestation/machine-check';
import { createChainClient } from '@ogong/chain/client';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { readMeshState } from '@ogong/devnet/mesh/mesh-state';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { type CheckedReply, createClient } from '@ogong/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listMembers, readTrust } from '../demo/mesh-members.ts';
import { openLinks } from '../demo/mesh-router.ts';
import { countProviders, waitUntil } from '../demo/polling.ts';
import { MACHINES, planTeeNetwork } from '../demo/tee/tee-network.ts';
import { readVerdictLogs } from '../demo/verdict-logs.ts';
import { type RefusedCall, sealAnyBody } from './seal-any-body.ts';
import { findText, findTokens } from './search-files.ts';
import { findInMemory, whyNoMemory } from './search-memory.ts';
import { WIRE_TAP, wireTapEntry } from './wire-tap.ts';

const PATIENCE_MS = 180_000;
const MACHINE_COUNT = 2;
const MAX_TOKENS = 96;
/** Replies, with the one that its client left. */
const ASKED = 4;
const MACHINES_OF_TEE: readonly string[] = Object.values(MACHINES);

const directory = mkdtempSync(join(tmpdir(), 'ogong-tee-marker-'));
const wire = mkdtempSync(join(tmpdir(), 'ogong-wire-'));
const { NODE_OPTIONS: before = '' } = process.env;

let mesh: Mesh | undefined;
let links: LinkPool;
let client: ReturnType<typeof createClient>;
let teeModel: string;
let plainModel: string;
let readVerdicts: () => Promise<ReadonlyMap<string, string>>;

beforeAll(async () => {
  process.env.NODE_OPTIONS = `--disable-warning=ExperimentalWarning --import=${pathToFileURL(wireTapEntry)}`;
  process.env[WIRE_TAP] = wire;
  const { path, modelRoot } = await resolveModel('stories260K', { storeDir: directory });
  const model = { path, id: 'ogong/verified/karpathy/stories260k', root: modelRoot };
  const disks = join(directory, 'mesh');
  mkdirSync(disks);
  const plan = planTeeNetwork(disks, model);
  const options: MeshOptions = { directory: disks, model, providers: 1, beacon: 'vrf', ...plan.options };
  const ports = assignPorts(await findFreePorts(countPorts(options)), options);
  mesh = await startMesh({ ...options, ports, isLasting: true });
  links = await openLinks();
  const { gatewayUrl, rpcUrl } = mesh.plan;
  plainModel = model.id;
  teeModel = plan.modelId;
  const isOffered = async (): Promise<boolean> =>
    (await countProviders(gatewayUrl, teeModel)) === MACHINE_COUNT &&
    (await countProviders(gatewayUrl, plainModel)) === 1;
  expect(await waitUntil(isOffered, PATIENCE_MS)).toBe(true);
  const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
  const trust = await readTrust(chain, { mesh, models: { id: model.id, sold: { modelRoot } } });
  const members = listMembers(mesh, { cheat: 'none' });
  readVerdicts = async () => {
    const { logs } = await readVerdictLogs(members, { chain, links, crypto });
    return new Map(logs.flatMap(({ entries }) => entries.map(({ replyId, verdict }) => [toHex(replyId), verdict])));
  };
  client = createClient({
    baseUrl: gatewayUrl,
    trust: { ...trust, modelRoots: { [model.id]: modelRoot, [teeModel]: modelRoot } },
    allow: ['intake', 'machine'],
    checkMachine: (machine) => checkMachine(machine, { crypto, policy: plan.policy, nowMs: Date.now() }),
  });
}, 480_000);

afterAll(async () => {
  process.env.NODE_OPTIONS = before;
  delete process.env[WIRE_TAP];
  links?.close();
  await mesh?.stop();
  for (const path of [directory, wire]) rmSync(path, { recursive: true, force: true });
});

const nameProvider = ({ order }: Receipt): string => {
  const id = toHex(parseOrder(order.bytes).providerId);
  return mesh?.members.find((each) => toHex(each.identity.keyHash) === id)?.name ?? 'nobody';
};

/** The longest run of letters of an answer. */
const pickPiece = (response: Uint8Array): string =>
  (new TextDecoder().decode(response).match(/[A-Za-z ,.]{24,}/g) ?? [])
    .sort((a, b) => b.length - a.length)[0]
    ?.slice(0, 48) ?? 'no piece was found';

function readTokens({ opening }: Receipt): number[] {
  if (!('bytes' in opening)) throw new Error('the receipt has no opening');
  const { header, windows } = parseOpening(opening.bytes);
  const vocabulary = parseHeader(header);
  return windows.flatMap(({ draws }) => decodeDraws(draws, vocabulary).rows.map(tokenOf)).slice(0, 16);
}

const nameOwners = (paths: readonly string[]): string[] => [
  ...new Set(paths.map((path) => path.split(sep)[0] as string)),
];

interface Found {
  readonly disks: readonly string[];
  readonly wire: readonly string[];
  readonly memory: readonly string[];
}

/** Names the daemons that hold one of the texts. A machine's provider is named like any other. */
function search(
  texts: readonly string[],
  tokens: readonly (readonly number[])[] = [],
  isSearched: (name: string) => boolean = () => true,
): Found {
  const disks = mesh?.plan.directory as string;
  const find = (place: string): string[] =>
    nameOwners([...texts.flatMap((text) => findText(place, text)), ...tokens.flatMap((ids) => findTokens(place, ids))]);
  const processes = whyNoMemory() === undefined ? (readMeshState(disks)?.processes ?? []) : [];
  const memory = processes.filter(
    ({ name, identity }) => identity && isSearched(name) && findInMemory(identity.pid, texts).length > 0,
  );
  return { disks: find(disks).sort(), wire: find(wire).sort(), memory: memory.map(({ name }) => name).sort() };
}

const say = (model: string, prompt: string) => ({
  ...{ model, max_tokens: MAX_TOKENS, temperature: 1, messages: [{ role: 'user', content: prompt }] },
});

/** Fields that a provider refuses, with a mark that its words quote. */
const listInvalid = (mark: string): readonly object[] => [
  { ogong: { [mark]: 1 } },
  { ogong: { providers: { [mark]: 1 } } },
  { response_format: { type: 'json_schema', json_schema: { name: 'crane', schema: { [mark]: 1 } } } },
];

const isGateway = (name: string): boolean => name === 'gateway';

/** Every text is asked for before the first search, which holds this process up: it knows of no link that is closed meanwhile. */
describe('a prompt and its answer in a network with machines', () => {
  const own = randomUUID();
  const plainMark = randomUUID();
  const refusedMark = randomUUID();
  const refusals: RefusedCall[] = [];
  const replies: CheckedReply[] = [];
  let plain: CheckedReply;
  let verdicts: ReadonlyMap<string, string> = new Map();

  beforeAll(async () => {
    const [whole, flowing, cut] = ['The zebra', 'The lynx', 'The otter'].map((what) => `${what} ${own}`) as [
      string,
      string,
      string,
    ];
    replies.push(...(await client.chat.completions.create(say(teeModel, whole))).replies);
    const stream = await client.chat.completions.create({ ...say(teeModel, flowing), stream: true });
    for await (const _ of stream);
    replies.push(...(stream.checked?.replies ?? []));
    // A client that leaves early.
    const left = await client.chat.completions.create({ ...say(teeModel, cut), stream: true });
    for await (const { choices } of left) if (choices[0]?.delta.content) break;
    for (const invalid of listInvalid(refusedMark)) {
      const body = { ...say(teeModel, `The crane ${refusedMark}`), ...invalid };
      refusals.push(await sealAnyBody(mesh?.plan.gatewayUrl as string, { model: teeModel, body }));
    }
    const inPlain = await client.chat.completions.create(say(plainModel, `The heron ${plainMark}`));
    plain = inPlain.replies[0] as CheckedReply;
    const isSettled = async (): Promise<boolean> => {
      verdicts = await readVerdicts();
      return [...replies, plain].every(({ replyId }) => verdicts.has(replyId)) && verdicts.size >= ASKED;
    };
    expect(await waitUntil(isSettled, PATIENCE_MS)).toBe(true);
  }, 480_000);

  it('of tier tee are held by the memory of client and machine alone: on no disk, in no log and on no link', () => {
    expect(replies).toHaveLength(2);
    const ofMachines = [...verdicts].filter(([id]) => id !== plain.replyId).map(([, verdict]) => verdict);
    expect(new Set(ofMachines)).toEqual(new Set(['unaudited']));
    const texts = [own, ...replies.map(({ response }) => pickPiece(response))];
    const found = search(
      texts,
      replies.map(({ receipt }) => readTokens(receipt)),
    );
    const isOther = (name: string): boolean => !MACHINES_OF_TEE.includes(name);
    expect({
      disks: found.disks.filter(isOther),
      wire: found.wire.filter(isOther),
      memory: found.memory.filter(isOther),
    }).toEqual({ disks: [], wire: [], memory: [] });
    for (const { receipt, checks } of replies) {
      expect(checks.find(({ id }) => id === 'posture')?.detail).toContain('audit: none');
      const name = nameProvider(receipt);
      expect(isOther(name), name).toBe(false);
      // The host of the machine can read its disk, and not its memory.
      expect(found.disks).not.toContain(name);
      // The same search finds them at the machine.
      if (whyNoMemory() === undefined) expect(found.memory).toContain(name);
    }
  }, 600_000);

  it('of a refused request are held by its machine alone, which tells its client why', () => {
    expect(refusals.map(({ words }) => words?.includes(refusedMark))).toEqual([true, true, true]);
    for (const { answer } of refusals) {
      expect(answer).toContain('under the seal');
      expect(answer).not.toContain(refusedMark);
    }
    const found = search([refusedMark]);
    const isOther = (name: string): boolean => !MACHINES_OF_TEE.includes(name);
    expect({
      disks: found.disks.filter(isOther),
      wire: found.wire.filter(isOther),
      memory: found.memory.filter(isOther),
    }).toEqual({ disks: [], wire: [], memory: [] });
    // A machine logs nothing of a refused request, and keeps nothing.
    expect(found.disks).toEqual([]);
  }, 600_000);

  it('of tier verified in plain are held by gateway, validators and verifiers too, so that this search can fail', () => {
    expect(verdicts.get(plain.replyId)).toBe('accept');
    const found = search([plainMark, pickPiece(plain.response)], [readTokens(plain.receipt)], isGateway);
    for (const holders of [found.disks, found.wire]) {
      expect(holders).toContain('gateway');
      expect(holders.filter((name) => name.startsWith('validator'))).not.toEqual([]);
    }
    expect(found.wire.filter((name) => name.startsWith('verifier'))).not.toEqual([]);
  }, 600_000);
});
