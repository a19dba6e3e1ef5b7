import { createChainClient } from '@ogong/chain/client';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { toHex, utf8Decode } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { fetchReceipt } from '@ogong/sdk';
import { ask } from '../ask.ts';
import { nameOf, replyIdOf, sum } from '../claims/finding.ts';
import { listMembers, readTrust } from '../mesh-members.ts';
import { readHistory } from '../money/ledger-book.ts';
import { waitUntil } from '../polling.ts';
import type { AskedReply, Member } from '../run-record.ts';
import { readVerdictLogs } from '../verdict-logs.ts';
import { type HubNetwork, WANTED, WANTED_ID } from './hub-network.ts';
import type { HubReplyEnd, ServedRecord } from './hub-record.ts';

const PROMPT = 'Once upon a time';
const MAX_TOKENS = 24;
const SERVED_PATIENCE_MS = 120_000;
const SETTLEMENT_PATIENCE_MS = 90_000;

export interface HubContext {
  readonly network: HubNetwork;
  readonly links: LinkPool;
  readonly onProgress: (message: string) => void;
}

/** Asks for a model that nobody serves until a provider has fetched it, and follows the answer to its settlement. */
export async function serveWanted({ network, links, onProgress }: HubContext): Promise<ServedRecord> {
  const { mesh, wanted, honest } = network;
  const { gatewayUrl, rpcUrl, processes } = mesh.plan;
  const chain = await createChainClient({ rpcUrl, deployment: mesh.deployment });
  const members = listMembers(mesh, { cheat: 'none' });
  const trust = await readTrust(chain, { mesh, models: { id: WANTED_ID, sold: wanted } });
  let number = 0;
  const buy = (): Promise<AskedReply> =>
    ask(
      { number: ++number, prompt: PROMPT, isStreamed: true, parameters: { temperature: 0, max_tokens: MAX_TOKENS } },
      { gatewayUrl, model: WANTED_ID },
    );
  const readEnd = async (id: string): Promise<HubReplyEnd | undefined> => {
    const { logs } = await readVerdictLogs(members, { chain, links, crypto });
    const entries = logs.flatMap((log) => (log.isAnchored ? log.entries : []));
    const entry = entries.find(({ replyId }) => toHex(replyId) === id);
    const { status } = await fetchReceipt({ baseUrl: gatewayUrl, id });
    return entry !== undefined && status.state === 'settled' ? toEnd(entry, members) : undefined;
  };

  const askedBefore = honest.asked.length;
  const first = await buy();
  onProgress(`the first request for ${WANTED_ID}: ${first.error ?? 'served'}`);
  let reply = first;
  await waitUntil(async () => {
    reply = await buy();
    return reply.receipts !== undefined;
  }, SERVED_PATIENCE_MS);
  const record = {
    ...{ name: `${WANTED.maker}/${WANTED.model}`, sources: wanted.sources, askedBefore, refusal: first.error },
    namedModels: processes.flatMap(({ args }) => args.filter((arg) => arg === '--model')).length,
  };
  const { receipts, request, response, durationMs } = reply;
  if (receipts === undefined) return { ...record, reply: { error: reply.error ?? 'no receipt came' }, paidAtomic: 0n };
  const { checks } = await verifyReceipt(receipts.full, { crypto, trust, request, response, nowMs: Date.now() });
  const provider = nameOf(members, parseOrder(receipts.full.order.bytes).providerId);
  onProgress(`${provider} has fetched the model and served it; waiting until the answer is audited and settled`);
  let end: HubReplyEnd | undefined;
  await waitUntil(async () => {
    end = await readEnd(replyIdOf(reply) ?? '');
    return end !== undefined;
  }, SETTLEMENT_PATIENCE_MS);
  const { settlements } = await readHistory(chain, members, crypto);
  const { address } = members.find(({ name }) => name === provider) ?? {};
  const lines = settlements.flatMap((settlement) => settlement.lines.filter((line) => line.provider === address));
  return {
    ...record,
    reply: { provider, text: utf8Decode(response), durationMs, checks, end },
    paidAtomic: sum(lines.map(({ grossAtomic }) => grossAtomic)),
  };
}

function toEnd({ verdict, verifiers, feeAtomic }: VerdictEntry, members: readonly Member[]): HubReplyEnd {
  const nameOfPayee = (payee: Uint8Array): string => {
    const address = `0x${toHex(payee)}`;
    return members.find((member) => member.address === address)?.name ?? address;
  };
  const credited = verifiers.filter(({ outcome }) => outcome === 'credited');
  return { verdict, feeAtomic, verifiers: credited.map(({ payee }) => nameOfPayee(payee)) };
}
