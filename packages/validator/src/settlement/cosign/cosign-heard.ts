import { drawSecondRecipients } from '@ogong/protocol/audit/second-recipients';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { parseDelivery } from '@ogong/protocol/exchange/delivery';
import { type NamedOrder, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import type { BatchEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { computeCorrectionId, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { SignedOrder } from '@ogong/protocol/verdict/claim';
import { type DeliveredReply, isContradicted, verifyDelivery } from '@ogong/protocol/verdict/delivered-record';
import { isRefutation } from '@ogong/protocol/verdict/verify-verdict';
import { type HeardDelivery, readHeard } from '../../store/replies/heard-store.ts';
import type { CosignState, HeardAnswer, JudgedRecord } from './cosign-state.ts';

interface AskedEntry {
  readonly entry: VerdictEntry;
  readonly order: NamedOrder;
  readonly signedOrder: SignedOrder;
}

type HeardState = Pick<
  CosignState,
  'crypto' | 'ledger' | 'signer' | 'store' | 'getBeacon' | 'findMembers' | 'askHeard' | 'onError'
>;

/**
 * The entries of a batch that judge another record than their payers hold, each with what the payer said: here, or to the other
 * hearers of the reply. A hearer that does not answer holds nothing up.
 * @param validator whose batch it is.
 */
export async function findContradicted(
  state: HeardState,
  validator: Uint8Array,
  entries: readonly VerdictEntry[],
  messages: readonly Pick<BatchEntry, 'record'>[],
): Promise<ReadonlyMap<bigint, DeliveredReply>> {
  const { store } = state;
  const found = new Map<bigint, DeliveredReply>();
  const asked = listJudged(state, entries, messages);
  for (const { entry, signedOrder } of asked) {
    const heard = store.read(() => readHeard(store, { validator, replyId: entry.replyId }));
    if (heard && isAnother(entry, heard)) found.set(entry.index, toDelivered(signedOrder, heard));
  }
  const elsewhere = asked.filter(({ entry }) => !found.has(entry.index));
  for (const [index, delivered] of await askHearers(state, validator, elsewhere)) found.set(index, delivered);
  return found;
}

/** What a hearer tells those who are about to co-sign. */
export function listHeard(
  { store }: Pick<CosignState, 'store'>,
  validator: Uint8Array,
  replies: readonly JudgedRecord[],
): HeardAnswer[] {
  return store.read(() =>
    replies.flatMap(({ replyId, recordHash }) => {
      const heard = readHeard(store, { validator, replyId });
      const isOther = heard && !equalBytes(parseDelivery(heard.signed.delivery).recordHash, recordHash);
      return isOther ? [{ replyId, ...heard }] : [];
    }),
  );
}

/** Those that a payer's word could contradict. What does not parse is refuted with the rest of the entry. */
function listJudged(
  { crypto, ledger }: Pick<CosignState, 'crypto' | 'ledger'>,
  entries: readonly VerdictEntry[],
  messages: readonly Pick<BatchEntry, 'record'>[],
): AskedEntry[] {
  const ids = new Set(entries.map(({ replyId }) => toHex(replyId)));
  const nobodysHash = new Uint8Array(32).fill(0xff);
  return entries.flatMap((entry, i) => {
    const signedOrder = messages[i]?.record?.order;
    // A correction ejects for the second record, and voids the fee of the first.
    const isCorrected = ids.has(toHex(computeCorrectionId(entry.replyId)));
    if (signedOrder === undefined || isCorrected || !isContradicted(entry, { recordHash: nobodysHash })) return [];
    try {
      return [{ entry, signedOrder, order: nameOrder(crypto, ledger, parseOrder(signedOrder.order)) }];
    } catch (error) {
      if (error instanceof ProtocolError) return [];
      throw error;
    }
  });
}

async function askHearers(
  state: HeardState,
  validator: Uint8Array,
  asked: readonly AskedEntry[],
): Promise<[bigint, DeliveredReply][]> {
  const { askHeard, onError } = state;
  const findOthers = createHearerDraw(state);
  const byHearer = new Map<string, { readonly hearer: Uint8Array; readonly about: AskedEntry[] }>();
  for (const one of asked) {
    for (const hearer of await findOthers(one.order)) {
      const known = byHearer.get(toHex(hearer)) ?? { hearer, about: [] };
      known.about.push(one);
      byHearer.set(toHex(hearer), known);
    }
  }
  const answers = await Promise.all(
    [...byHearer.values()].map(async ({ hearer, about }) => {
      try {
        const replies = about.map(({ entry: { replyId, recordHash } }) => ({ replyId, recordHash }));
        const answer = (await askHeard(hearer, validator, replies)).slice(0, about.length);
        return answer.flatMap((heard) => readAnswer(state, about, heard));
      } catch (error) {
        onError(error);
        return [];
      }
    }),
  );
  return answers.flat();
}

/**
 * The hearers of a reply besides this validator; none where the validators of its epoch are not known. Each epoch is looked up once:
 * a batch has many replies of one.
 */
function createHearerDraw({ crypto, signer, getBeacon, findMembers }: HeardState) {
  const lookUp = (epoch: bigint) =>
    Promise.all([getBeacon(epoch).catch(() => undefined), findMembers(epoch).catch(() => undefined)]);
  const known = new Map<bigint, ReturnType<typeof lookUp>>();
  return async (order: NamedOrder): Promise<Uint8Array[]> => {
    const looking = known.get(order.epoch) ?? lookUp(order.epoch);
    known.set(order.epoch, looking);
    const [beacon, members] = await looking;
    if (beacon === undefined || members === undefined) return [];
    const hearers = drawSecondRecipients(crypto, { beacon: beacon.value, order }, members).map(
      ({ address }) => address,
    );
    return hearers.filter((address) => !equalBytes(address, signer.address));
  };
}

/** Believed of another validator is only what payer and provider signed. */
function readAnswer(
  { crypto, ledger, onError }: HeardState,
  about: readonly AskedEntry[],
  { replyId, signed, bound }: HeardAnswer,
): [bigint, DeliveredReply][] {
  const of = about.find(({ entry }) => equalBytes(entry.replyId, replyId));
  if (of === undefined) return [];
  const { entry, order, signedOrder } = of;
  try {
    const delivery = verifyDelivery(crypto, { ledger, order }, { ...signed, bound });
    return isContradicted(entry, delivery) ? [[entry.index, toDelivered(signedOrder, { signed, bound })]] : [];
  } catch (error) {
    if (!isRefutation(error)) throw error;
    onError(error);
    return [];
  }
}

const isAnother = (entry: VerdictEntry, { signed }: Pick<HeardDelivery, 'signed'>): boolean =>
  isContradicted(entry, parseDelivery(signed.delivery));

const toDelivered = (order: SignedOrder, { signed, bound }: HeardDelivery): DeliveredReply => ({
  order: { order: order.order, signature: order.signature },
  delivery: signed,
  bound,
});
