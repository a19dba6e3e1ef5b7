import { writeFileSync } from 'node:fs';
import { createChainClient } from '@ogong/chain/client';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { fromHex, toHex, utf8Decode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { readHandedAnnouncement } from '@ogong/protocol/exchange/announcement';
import { encodeHeld } from '@ogong/protocol/exchange/held-supply';
import { listParts } from '@ogong/protocol/settlement/cohort';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { fetchReceipt } from '@ogong/sdk';
import { type AskOptions, ask } from '../ask.ts';
import { replyIdOf, sum } from '../claims/finding.ts';
import { listMembers, readTrust } from '../mesh-members.ts';
import { connectRouter } from '../mesh-router.ts';
import { readHistory } from '../money/ledger-book.ts';
import type { FailedRequest } from '../pictures/pictures-record.ts';
import { waitUntil } from '../polling.ts';
import type { AskedReply } from '../run-record.ts';
import { readVerdictLogs } from '../verdict-logs.ts';
import { FIRST, KILLED, LEADER, MODEL_ID, type ShardsNetwork, SPARE, toMib, WHOLE_ID } from './shards-network.ts';
import type { ShardedEnd, ShardedReply, ShardsRecord } from './shards-record.ts';

const PROMPT = 'Once upon a time there was a fox';
const MAX_TOKENS = 96;
/** Characters of the answer before a segment is killed. */
const SHOWN_BEFORE = 16;
const COARSE_TOKENS = 24;
/** One is enough: three verifiers find the same other bits. */
const MOST_COARSE = 3;
const SETTLEMENT_PATIENCE_MS = 90_000;
const SERVED_PATIENCE_MS = 60_000;

export interface ShardsContext {
  readonly network: ShardsNetwork;
  readonly links: LinkPool;
  readonly onProgress: (message: string) => void;
}

/** Buys an answer of three segments, kills a segment in the next answer, and has its substitute cheat in the last ones. */
export async function runShards({ network, links, onProgress }: ShardsContext): Promise<ShardsRecord> {
  const { mesh, modelRoot } = network;
  const { gatewayUrl, rpcUrl } = mesh.plan;
  const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
  const members = listMembers(mesh, { cheat: 'none' });
  const trust = {
    ...(await readTrust(chain, { mesh, models: { id: MODEL_ID, sold: { modelRoot } } })),
    modelRoots: { [MODEL_ID]: modelRoot, [WHOLE_ID]: modelRoot },
  };
  const memberOf = (name: string) => {
    const found = members.find((member) => member.name === name);
    if (found?.providerId === undefined) throw new Error(`there is no provider ${name}`);
    return { ...found, providerId: found.providerId };
  };
  const nameOf = (providerId: Uint8Array): string =>
    members.find((member) => member.providerId === toHex(providerId))?.name ?? toHex(providerId);
  const readStake = (name: string): Promise<bigint> => chain.stakeOf(fromHex(memberOf(name).address.slice(2)));

  const asked: AskedReply[] = [];
  const buy = async (
    model: string,
    { maxTokens = MAX_TOKENS, onText }: { readonly maxTokens?: number; readonly onText?: AskOptions['onText'] } = {},
  ): Promise<AskedReply> => {
    const request = {
      ...{ number: asked.length + 1, prompt: PROMPT, isStreamed: true },
      parameters: { temperature: 0, max_tokens: maxTokens },
    };
    const reply = await ask(request, { gatewayUrl, model, ...(onText && { onText }) });
    asked.push(reply);
    return reply;
  };
  const finish = async (reply: AskedReply): Promise<ShardedReply | FailedRequest> => {
    const { receipts, request, response, durationMs } = reply;
    if (receipts === undefined) return { error: reply.error ?? 'no receipt came' };
    const { checks } = await verifyReceipt(receipts.full, {
      ...{ crypto, trust, request, response },
      nowMs: Date.now(),
    });
    return { text: utf8Decode(response), durationMs, checks, end: await readEnd(replyIdOf(reply) ?? '') };
  };
  const readEntries = async (): Promise<readonly VerdictEntry[]> => {
    const { logs } = await readVerdictLogs(members, { chain, links, crypto });
    return logs.flatMap((log) => (log.isAnchored ? log.entries : []));
  };
  const readEnd = async (id: string): Promise<ShardedEnd | undefined> => {
    const entry = (await readEntries()).find(({ replyId }) => toHex(replyId) === id);
    if (entry === undefined) return undefined;
    const { verdict, feeAtomic, ejects, shards, culprit } = entry;
    const named = culprit === undefined ? undefined : shards[culprit];
    const parts = shards.length === 0 ? [] : listParts(entry);
    const { status } = await fetchReceipt({ baseUrl: gatewayUrl, id });
    if (status.state !== 'settled') return undefined;
    return {
      ...{ verdict, feeAtomic, ejects, audit: parseChecks(status.detail) },
      shards: parts.map((part) => ({ name: nameOf(part.providerId), feeAtomic: part.feeAtomic })),
      culprit: named && nameOf(named.providerId),
    };
  };
  const waitForEnds = async (replies: readonly AskedReply[]): Promise<void> => {
    const ids = replies.flatMap((reply) => replyIdOf(reply) ?? []);
    await waitUntil(async () => {
      const ends = await Promise.all(ids.map(readEnd));
      return ends.every((end) => end !== undefined);
    }, SETTLEMENT_PATIENCE_MS);
  };

  onProgress('starting one more provider with the whole model under the limit');
  const trying = network.tryWhole();
  const stakes = await Promise.all([FIRST, LEADER].map(readStake));
  onProgress('asking the provider with the whole model and no limit, and then the three segments');
  const whole = await buy(WHOLE_ID);
  let shared = await buy(MODEL_ID);
  await waitUntil(async () => {
    if (shared.receipts === undefined) shared = await buy(MODEL_ID);
    return shared.receipts !== undefined;
  }, SERVED_PATIENCE_MS);

  const output = await trying;
  let shownText = '';
  let isKilled = false;
  const broken = await buy(MODEL_ID, {
    async onText(text) {
      if (isKilled) return;
      shownText += text;
      if (shownText.length < SHOWN_BEFORE) return;
      isKilled = true;
      onProgress(`killing ${KILLED} in the middle of the answer`);
      await mesh.kill(KILLED, 'SIGKILL');
    },
  });
  onProgress('waiting until both answers are audited and settled');
  await waitForEnds([shared, broken]);
  const honestReplies = [await finish(shared), await finish(broken)] as const;

  onProgress(`${SPARE} sends coarse rows from now on`);
  writeFileSync(network.coarseFile, '');
  const coarse: (ShardedReply | FailedRequest)[] = [];
  while (coarse.length < MOST_COARSE && !(await chain.isEjected(fromHex(memberOf(SPARE).providerId)))) {
    const reply = await buy(MODEL_ID, { maxTokens: COARSE_TOKENS });
    await waitForEnds([reply]);
    coarse.push(await finish(reply));
  }

  const { announcements } = await connectRouter(mesh, links).handSupply({
    held: encodeHeld([]),
    manifest: crypto.sha256(network.manifest),
  });
  const listed = announcements.flatMap(({ announcement }) => readHandedAnnouncement(announcement)?.providerId ?? []);
  const { settlements, ejections } = await readHistory(chain, members, crypto);
  const lines = settlements.flatMap((settlement) => settlement.lines);
  const entries = await readEntries();
  const parts = entries.filter(({ feeAtomic }) => feeAtomic > 0n).flatMap(listParts);
  const payer = members.find(({ role }) => role === 'payer')?.address;
  const names = [FIRST, KILLED, LEADER, SPARE];
  const toAmounts = (amountOf: (name: string) => bigint): Record<string, bigint> =>
    Object.fromEntries(names.map((name) => [name, amountOf(name)]));
  return {
    ...{
      modelMib: toMib(network.modelBytes),
      slabMib: network.slabBytes.map(toMib),
      limitMib: network.limitMib,
      nodeMib: network.nodeMib,
    },
    refusal: output === undefined ? undefined : readReason(output),
    wholeText: utf8Decode(whole.response),
    ...{ shared: honestReplies[0], broken: honestReplies[1], killed: KILLED, shownText, coarse, cheat: SPARE },
    honest: await Promise.all(
      [FIRST, LEADER].map(async (name, i) => ({
        name,
        stakeBeforeAtomic: stakes[i] ?? 0n,
        stakeAfterAtomic: await readStake(name),
        isListed: listed.some((id) => toHex(id) === memberOf(name).providerId),
      })),
    ),
    ejected: ejections.map(({ providerId }) => nameOf(fromHex(providerId))),
    paid: toAmounts((name) =>
      sum(lines.filter(({ provider }) => provider === memberOf(name).address).map((line) => line.grossAtomic)),
    ),
    due: toAmounts((name) =>
      sum(parts.filter((part) => nameOf(part.providerId) === name).map((part) => part.feeAtomic)),
    ),
    spentAtomic: sum(
      settlements.flatMap(({ debits }) => debits.filter((debit) => debit.payer === payer).map((d) => d.amountAtomic)),
    ),
    feesAtomic: sum(entries.map(({ feeAtomic }) => feeAtomic)),
  };
}

/** Finds the reason in the output of a daemon that ended: its last line that is no record of the log. */
function readReason(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return lines.findLast((line) => !line.startsWith('{')) ?? lines.at(-1) ?? '';
}

/** Reads the checks of an audit, equal ones of several verifiers once. A detail of another form has none. */
function parseChecks(detail: string): readonly Check[] {
  try {
    const { checks = [] } = JSON.parse(detail) as { readonly checks?: readonly Check[] };
    return [...new Map(checks.map((check) => [JSON.stringify(check), check])).values()];
  } catch {
    return [];
  }
}
