import { isDeepStrictEqual } from 'node:util';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { readEvidence } from '../attackers/served-evidence.ts';
import { readServedRequest } from '../bad-days/stores.ts';
import { toFeeShares } from '../economics/fee-shares.ts';
import { type AskOptions, ask } from './ask.ts';
import { runChaos } from './chaos.ts';
import { proveCheat } from './claims/cheat-proof.ts';
import { completeReceipts } from './claims/complete-receipts.ts';
import { answeredOf, cheatOf, replyIdOf } from './claims/finding.ts';
import { createTestReader, DEMO_TEST_RATES, waitForTests } from './claims/provider-tests.ts';
import { findRejected } from './claims/rejected-evidence.ts';
import { hasKeySignature } from './claims/reply-claims.ts';
import { runTamperProbes } from './claims/tamper-probes.ts';
import type { DemoContext } from './demo-context.ts';
import { runFailover } from './failover.ts';
import { listMembers, readTrust, withBond } from './mesh-members.ts';
import { runCourt } from './money/court.ts';
import { readBooks, readHistory } from './money/ledger-book.ts';
import { useMint } from './money/mint-money.ts';
import { useMoney } from './money/money.ts';
import { provokeEjection } from './money/provoke-ejection.ts';
import { evidenceDirectory, isKeyInForce, waitUntil, waitWhileChanging } from './polling.ts';
import { type PlannedRequest, planRequest } from './prompts.ts';
import { askByReach } from './reach.ts';
import type {
  AskedReply,
  Books,
  ChaosRecord,
  CheatProof,
  FailoverRecord,
  Member,
  ReachRecord,
  RunRecord,
} from './run-record.ts';
import { readVerdictLogs } from './verdict-logs.ts';

export interface DemoRun {
  readonly run: RunRecord;
  readonly requestsMs: number;
  readonly settleMs: number;
}

/** Requests after the ejection. */
const keptForLater = 6;
const settlementPatienceMs = 120_000;
const intakePatienceMs = 60_000;
/** Long enough for several attempts to make the key. */
const keyPatienceMs = 60_000;

/** Runs the demo on a network that serves, and records it. */
export async function runDemo(context: DemoContext): Promise<DemoRun> {
  const { mesh, options, models, links, onProgress } = context;
  const chain = await createChainClient({ rpcUrl: mesh.plan.rpcUrl, deployment: mesh.deployment });
  let trust = await readTrust(chain, { mesh, models });
  const members = listMembers(mesh, options).map((member) => withBond(member, trust));
  /** The validators make the key of the beacon while the demo runs. */
  const refreshTrust = async (): Promise<void> => {
    if ((trust.generations?.length ?? 0) === 0) trust = await readTrust(chain, { mesh, models });
  };
  const before = await readStillBooks(chain, members);
  // The answers that validators buy are settled as well, so the balances are read before.
  await mesh.setTestRates(DEMO_TEST_RATES);
  const replies: AskedReply[] = [];
  const evidenceOf = (): Promise<RunRecord['ejections']> =>
    readHistory(chain, members, crypto).then(({ ejections }) => ejections);
  const hasCheat = options.cheat !== 'none';

  const send = async (request: PlannedRequest, onText?: AskOptions['onText']): Promise<AskedReply> => {
    const asked = { gatewayUrl: mesh.plan.gatewayUrl, model: models.id, ...(onText && { onText }) };
    const reply = await ask(request, asked);
    replies.push(reply);
    await refreshTrust();
    await context.onReply(reply, { crypto, trust, members, nowMs: Date.now() });
    return reply;
  };
  const askNext = async (count: number): Promise<void> => {
    const numbers = Array.from({ length: count }, (_, i) => replies.length + i + 1);
    await inParallel(numbers, options.concurrency, (number) => send(planRequest(number, options.maxTokens)));
    replies.sort((a, b) => a.number - b.number);
  };
  const askOne = (change: Partial<PlannedRequest>, onText?: AskOptions['onText']): Promise<AskedReply> =>
    send({ ...planRequest(replies.length + 1, options.maxTokens), isStreamed: false, ...change }, onText);

  const startedMs = performance.now();
  const later = hasCheat ? Math.min(keptForLater, Math.max(1, options.requests - 1)) : 0;
  let chaos: ChaosRecord | undefined;
  let failover: FailoverRecord | undefined;
  if (options.hasChaos) {
    await askNext(Math.ceil((options.requests - later) / 2));
    chaos = await runChaos({ mesh, chain, members, replies, onProgress, askNext });
    failover = await runFailover({ mesh, members, onProgress, askOne });
  }
  await askNext(Math.max(options.concurrency, options.requests - later - replies.length));
  let firstAfterEjection: number | undefined;
  const isServed = replies.some(({ receipts }) => receipts);
  // Without any answer, more requests prove nothing.
  if (hasCheat && isServed) {
    await provokeEjection({ ...context, members, evidenceOf, askNext });
    firstAfterEjection = replies.length + 1;
    onProgress('sending more requests after the ejection');
    await askNext(later);
  }
  let reach: ReachRecord | undefined;
  if (isServed && context.tap) {
    onProgress('sending a secret prompt through a relay, and a request for lowest latency');
    const { tap } = context;
    reach = await askByReach({ mesh, model: models.id, tap, links, members, maxTokens: options.maxTokens, askOne });
  }
  if (isServed && trust.generations !== undefined && !replies.some(hasKeySignature)) {
    onProgress('waiting for the key of the beacon, to get an answer under it');
    await waitUntil(async () => isKeyInForce(await chain.beaconKeys()), keyPatienceMs);
    await askOne({});
  }
  const requestsMs = performance.now() - startedMs;

  let tests: RunRecord['tests'] = [];
  if (isServed) {
    onProgress('waiting for the unannounced tests of the validators');
    tests = await waitForTests(createTestReader(chain, links), members);
  }
  await mesh.setTestRates({ canaryRate: 0, timedRate: 0 });
  onProgress('waiting until every answer is audited and settled');
  const settling = performance.now();
  if (isServed) await waitForSettlement({ ...context, chain, members, replies });
  const settleMs = performance.now() - settling;
  await refreshTrust();
  const completed = await Promise.all(
    replies.map((reply) => completeReceipts(mesh.plan.gatewayUrl, reply, intakePatienceMs)),
  );
  const [{ logs, history, after }, { shares }] = await Promise.all([
    readStill({ chain, links, members }),
    chain.parameters(),
  ]);
  const partial = {
    crypto,
    trust,
    cheat: options.cheat,
    members,
    replies: completed,
    logs,
    ...history,
    books: { before, after },
    shares: toFeeShares(shares),
    firstAfterEjection,
    chaos,
    failover,
    reach,
    tests,
    nowMs: Date.now(),
  };
  const [first] = answeredOf({ ...partial, probes: [], cheatProof: undefined });
  const probes = first?.receipts
    ? await runTamperProbes(crypto, trust, { ...first, receipt: first.receipts.full })
    : [];
  const cheatProof = await findProof({ ...partial, probes, cheatProof: undefined }, context);
  // A network that stays up keeps the clock of this machine.
  const isSpent = isServed && options.isOnce;
  const money = isSpent ? await useMoney({ mesh, chain, onProgress }) : undefined;
  const mint = isSpent ? await useMint({ mesh, chain, onProgress }) : undefined;
  const run = { ...partial, probes, cheatProof, money, mint };
  const court = isSpent ? await runCourt({ mesh, chain, onProgress }, run) : {};
  return { run: { ...run, ...court }, requestsMs, settleMs };
}

const STILL_TRIES = 20;

/** Reads logs, history and balances between two batches: the last tests may settle during a reading. */
async function readStill({ chain, links, members }: Pick<Settling, 'chain' | 'links' | 'members'>) {
  for (let tries = 1; ; tries++) {
    const history = await readHistory(chain, members, crypto);
    const [{ logs }, after] = await Promise.all([
      readVerdictLogs(members, { chain, links, crypto }),
      readStillBooks(chain, members),
    ]);
    const { settlements } = await readHistory(chain, members, crypto);
    if (settlements.length === history.settlements.length || tries === STILL_TRIES) return { logs, history, after };
  }
}

/** Repeats the reading until two are equal: a balance may change during one, as when the gateway reserves more for a channel. */
async function readStillBooks(chain: ChainClient, members: readonly Member[]): Promise<Books> {
  let books = await readBooks(chain, members);
  for (let tries = 1; tries < STILL_TRIES; tries++) {
    const again = await readBooks(chain, members);
    if (isDeepStrictEqual(books, again)) break;
    books = again;
  }
  return books;
}

async function inParallel<T>(items: readonly T[], limit: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
}

interface Settling extends DemoContext {
  readonly chain: ChainClient;
  readonly members: readonly Member[];
  readonly replies: readonly AskedReply[];
}

/** Waits for the answered replies, and for those of the cheat: consumers do not learn the ids of refused replies. */
async function waitForSettlement(settling: Settling): Promise<boolean> {
  const { mesh, options, chain, links, members, replies, onProgress } = settling;
  let shown = '';
  const served = options.cheat === 'none' ? [] : readEvidence(evidenceDirectory(mesh.plan.directory));
  const expected = new Set([
    ...replies.flatMap((reply) => replyIdOf(reply) ?? []),
    ...served.map(({ replyId }) => replyId),
  ]);
  return waitWhileChanging(async () => {
    const { logs, unsettled } = await readVerdictLogs(members, { chain, links, crypto });
    const settled = new Set(logs.flatMap(({ entries }) => entries.map(({ replyId }) => toHex(replyId))));
    const done = [...expected].filter((id) => settled.has(id)).length;
    const line = `${done} of ${expected.size} replies are settled, ${unsettled} more verdicts wait for a batch`;
    if (line !== shown) onProgress(line);
    shown = line;
    return { isDone: unsettled === 0 && done === expected.size, shown };
  }, settlementPatienceMs);
}

/** Checks a rejected reply by both stages, from the copy that the cheat kept. */
async function findProof(run: RunRecord, { mesh, models, onProgress }: DemoContext): Promise<CheatProof | undefined> {
  if (run.cheat !== 'prefill' && run.cheat !== 'substitute') return undefined;
  const { directory } = mesh.plan;
  const { name } = cheatOf(run) as Member;
  const found = findRejected(run, readEvidence(evidenceDirectory(directory)), (replyId) =>
    readServedRequest(directory, name, replyId),
  );
  if (found === undefined) return undefined;
  const { evidence, request } = found;
  onProgress(`checking the cheat's reply ${evidence.replyId.slice(0, 8)} by stage 1 and by stage 2`);
  const engine = await createLlamaEngine({ modelPath: models.sold.path, sequences: 1 });
  try {
    return await proveCheat(evidence, { engine, crypto, request });
  } finally {
    await engine.close();
  }
}
