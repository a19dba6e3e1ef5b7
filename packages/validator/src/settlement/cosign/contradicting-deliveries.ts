import { drawSecondRecipients } from '@ogong/protocol/audit/second-recipients';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { parseDelivery } from '@ogong/protocol/exchange/delivery';
import { computeReplyId, type NamedOrder, nameOrder, type Order, parseOrder } from '@ogong/protocol/exchange/order';
import type { BatchEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { computeCorrectionId, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { SignedOrder } from '@ogong/protocol/verdict/claim';
import { type DeliveredReply, isContradicted, verifyDelivery } from '@ogong/protocol/verdict/delivered-record';
import { isRefutation } from '@ogong/protocol/verdict/verify-verdict';
import { readSecondDelivery, type SecondDelivery } from '../../store/replies/second-delivery-store.ts';
import type { CosignState, EntryRecord, SecondDeliveryAnswer } from './cosign-state.ts';

/** An order with its reply id, and without its hash, which takes longer and which only answers need. */
type IdentifiedOrder = Order & Pick<NamedOrder, 'replyId'>;

interface AskedEntry {
  readonly entry: VerdictEntry;
  readonly order: IdentifiedOrder;
  readonly signedOrder: SignedOrder;
}

type DeliveryLookupState = Pick<
  CosignState,
  'crypto' | 'ledger' | 'signer' | 'store' | 'getBeacon' | 'findMembers' | 'askSecondRecipient' | 'onError'
>;

/**
 * Finds the entries of a batch about another record than the payer's, each with the payer's delivery to this validator
 * or to another second recipient. A second recipient that does not answer delays nothing.
 * @param validator owner of the batch.
 */
export async function findContradicted(
  state: DeliveryLookupState,
  validator: Uint8Array,
  entries: readonly VerdictEntry[],
  messages: readonly Pick<BatchEntry, 'record'>[],
): Promise<ReadonlyMap<bigint, DeliveredReply>> {
  const { store } = state;
  const found = new Map<bigint, DeliveredReply>();
  const asked = listCheckableEntries(state, entries, messages);
  for (const { entry, signedOrder } of asked) {
    const heard = store.read(() => readSecondDelivery(store, { validator, replyId: entry.replyId }));
    if (heard && isAnother(entry, heard)) found.set(entry.index, toDelivered(signedOrder, heard));
  }
  const elsewhere = asked.filter(({ entry }) => !found.has(entry.index));
  for (const [index, delivered] of await askSecondRecipients(state, validator, elsewhere)) found.set(index, delivered);
  return found;
}

/** Lists the deliveries that a second recipient shows to co-signers. */
export function listSecondDeliveries(
  { store }: Pick<CosignState, 'store'>,
  validator: Uint8Array,
  replies: readonly EntryRecord[],
): SecondDeliveryAnswer[] {
  return store.read(() =>
    replies.flatMap(({ replyId, recordHash }) => {
      const heard = readSecondDelivery(store, { validator, replyId });
      const isOther = heard && !equalBytes(parseDelivery(heard.signed.delivery).recordHash, recordHash);
      return isOther ? [{ replyId, ...heard }] : [];
    }),
  );
}

/** Lists the entries that a payer's delivery could contradict. Invalid bytes are refuted with the rest of the entry. */
function listCheckableEntries(
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
      const order = parseOrder(signedOrder.order);
      return [{ entry, signedOrder, order: { ...order, replyId: computeReplyId(crypto, ledger, order) } }];
    } catch (error) {
      if (error instanceof ProtocolError) return [];
      throw error;
    }
  });
}

async function askSecondRecipients(
  state: DeliveryLookupState,
  validator: Uint8Array,
  asked: readonly AskedEntry[],
): Promise<[bigint, DeliveredReply][]> {
  const { askSecondRecipient, onError } = state;
  const findOthers = createSecondRecipientDraw(state);
  const byRecipient = new Map<string, { readonly recipient: Uint8Array; readonly about: AskedEntry[] }>();
  for (const one of asked) {
    for (const recipient of await findOthers(one.order)) {
      const known = byRecipient.get(toHex(recipient)) ?? { recipient, about: [] };
      known.about.push(one);
      byRecipient.set(toHex(recipient), known);
    }
  }
  const answers = await Promise.all(
    [...byRecipient.values()].map(async ({ recipient, about }) => {
      try {
        const replies = about.map(({ entry: { replyId, recordHash } }) => ({ replyId, recordHash }));
        const answer = (await askSecondRecipient(recipient, validator, replies)).slice(0, about.length);
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
 * Draws the second recipients of a reply besides this validator; none if the validators of its epoch are unknown. Each
 * epoch is looked up once: a batch has many replies of one epoch.
 */
function createSecondRecipientDraw({ crypto, signer, getBeacon, findMembers }: DeliveryLookupState) {
  const lookUp = (epoch: bigint) =>
    Promise.all([getBeacon(epoch).catch(() => undefined), findMembers(epoch).catch(() => undefined)]);
  const known = new Map<bigint, ReturnType<typeof lookUp>>();
  return async (order: IdentifiedOrder): Promise<Uint8Array[]> => {
    const looking = known.get(order.epoch) ?? lookUp(order.epoch);
    known.set(order.epoch, looking);
    const [beacon, members] = await looking;
    if (beacon === undefined || members === undefined) return [];
    const recipients = drawSecondRecipients(crypto, { beacon: beacon.value, order }, members).map(
      ({ address }) => address,
    );
    return recipients.filter((address) => !equalBytes(address, signer.address));
  };
}

/** Reads an answer. Only data that payer and provider signed is trusted. */
function readAnswer(
  { crypto, ledger, onError }: DeliveryLookupState,
  about: readonly AskedEntry[],
  { replyId, signed, bound }: SecondDeliveryAnswer,
): [bigint, DeliveredReply][] {
  const of = about.find(({ entry }) => equalBytes(entry.replyId, replyId));
  if (of === undefined) return [];
  const { entry, order, signedOrder } = of;
  try {
    const named = nameOrder(crypto, ledger, order);
    const delivery = verifyDelivery(crypto, { ledger, order: named }, { ...signed, bound });
    return isContradicted(entry, delivery) ? [[entry.index, toDelivered(signedOrder, { signed, bound })]] : [];
  } catch (error) {
    if (!isRefutation(error)) throw error;
    onError(error);
    return [];
  }
}

const isAnother = (entry: VerdictEntry, { signed }: Pick<SecondDelivery, 'signed'>): boolean =>
  isContradicted(entry, parseDelivery(signed.delivery));

const toDelivered = (order: SignedOrder, { signed, bound }: SecondDelivery): DeliveredReply => ({
  order: { order: order.order, signature: order.signature },
  delivery: signed,
  bound,
});
