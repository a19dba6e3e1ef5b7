import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@ogong/host/crypto/secret';
import { z } from 'zod';

/** The header in which Stripe signs a webhook: `t=<seconds>,v1=<hex>`, with one `v1` for each secret that is valid now. */
export const CARD_SIGNATURE_HEADER = 'stripe-signature';
/** An older one may be replayed. */
const MAX_AGE_S = 300;
const MOST_SIGNATURES = 8;

/** Whether the provider signed these bytes lately. */
export function isSignedWebhook(
  body: Uint8Array,
  header: string,
  { secret, nowMs }: { readonly secret: Secret<string>; readonly nowMs: number },
): boolean {
  const parts = header.split(',', MOST_SIGNATURES + 1).map((part) => part.trim());
  const [time] = parts.flatMap((part) => (part.startsWith('t=') ? [part.slice(2)] : []));
  if (time === undefined || !/^\d{1,12}$/.test(time)) return false;
  if (Math.abs(nowMs / 1000 - Number(time)) > MAX_AGE_S) return false;
  const expected = createHmac('sha256', secret.reveal()).update(`${time}.`).update(body).digest();
  return parts.some((part) => {
    const [, hex] = /^v1=([0-9a-f]{64})$/.exec(part) ?? [];
    return hex !== undefined && timingSafeEqual(Buffer.from(hex, 'hex'), expected);
  });
}

const id = z.string().regex(/^[A-Za-z0-9_]{1,255}$/);
/** The least unit of the currency, such as cents. */
const minorAmount = z.number().int().min(0).max(1e12);
const currency = z.string().regex(/^[a-z]{3}$/);
const event = z.object({ id, type: z.string(), created: z.number().int().min(0).max(1e12) });
const session = z.object({
  payment_status: z.string(),
  payment_intent: id.nullable(),
  client_reference_id: z.string().max(200).nullable(),
  amount_total: minorAmount.nullable(),
  currency: currency.nullable(),
});
const refund = z.object({ payment_intent: id.nullable(), amount_refunded: minorAmount });
const dispute = z.object({ payment_intent: id.nullable(), amount: minorAmount });

/** A webhook's notice about one payment. It holds nothing of a card. */
export type CardNotice =
  | {
      readonly kind: 'paid';
      readonly payment: string;
      readonly organisation: string;
      readonly amount: number;
      readonly currency: string;
    }
  /** All that was ever refunded of it. */
  | { readonly kind: 'refunded'; readonly payment: string; readonly amount: number }
  /** The amount that a dispute holds back now; 0 if it was won. */
  | { readonly kind: 'disputed'; readonly payment: string; readonly amount: number; readonly atS: number };

export interface CardEvent {
  readonly id: string;
  /** Undefined where it moves no money of ours. */
  readonly notice: CardNotice | undefined;
}

/** @returns undefined where it is none. */
export function parseCardEvent(body: Uint8Array): CardEvent | undefined {
  let given: unknown;
  try {
    given = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
  const parsed = event.extend({ data: z.object({ object: z.unknown() }) }).safeParse(given);
  if (!parsed.success) return undefined;
  const read = READERS[parsed.data.type];
  if (read === undefined) return { id: parsed.data.id, notice: undefined };
  const notice = read(parsed.data.data.object, parsed.data.created);
  return notice === 'malformed' ? undefined : { id: parsed.data.id, notice };
}

type ReadNotice = (object: unknown, createdS: number) => CardNotice | 'malformed' | undefined;

const readSession: ReadNotice = (object) => {
  const parsed = session.safeParse(object);
  if (!parsed.success) return 'malformed';
  const { payment_status, payment_intent: payment, client_reference_id: organisation, ...money } = parsed.data;
  const { amount_total: amount, currency: unit } = money;
  // A bank transfer is paid later and has an event of its own. A payment without a reference is for another purpose.
  if (payment_status !== 'paid' || payment === null || organisation === null) return undefined;
  if (amount === null || unit === null) return 'malformed';
  return { kind: 'paid', payment, organisation, amount, currency: unit };
};

const readRefund: ReadNotice = (object) => {
  const parsed = refund.safeParse(object);
  if (!parsed.success) return 'malformed';
  const { payment_intent: payment, amount_refunded: amount } = parsed.data;
  return payment === null ? undefined : { kind: 'refunded', payment, amount };
};

const readDispute =
  (isHeld: boolean): ReadNotice =>
  (object, atS) => {
    const parsed = dispute.safeParse(object);
    if (!parsed.success) return 'malformed';
    const { payment_intent: payment, amount } = parsed.data;
    return payment === null ? undefined : { kind: 'disputed', payment, amount: isHeld ? amount : 0, atS };
  };

const READERS: Readonly<Record<string, ReadNotice | undefined>> = {
  __proto__: null as never,
  'checkout.session.completed': readSession,
  'checkout.session.async_payment_succeeded': readSession,
  'charge.refunded': readRefund,
  'charge.dispute.funds_withdrawn': readDispute(true),
  'charge.dispute.funds_reinstated': readDispute(false),
};
