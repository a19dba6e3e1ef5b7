import type { Secret } from '@ogong/host/crypto/secret';
import type { Handler } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { type BodyLimits, readBody } from '@ogong/host/http/body';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import type { Accounts } from '../books/accounts.ts';
import { bookCardEvent } from '../books/card-store.ts';
import { CARD_SIGNATURE_HEADER, isSignedWebhook, parseCardEvent } from '../books/card-wire.ts';

export interface CardOptions {
  /** Secret with which the provider signs its webhooks. */
  readonly secret: Secret<string>;
  /** Atomic units for the least unit of each currency. */
  readonly rates: ReadonlyMap<string, bigint>;
}

export interface CardHandlerDependencies {
  readonly books: WorkStore;
  readonly accounts: Pick<Accounts, 'listOrganisations'>;
  readonly clock: Clock;
  readonly bodyLimits: BodyLimits;
  readonly onBooked: (event: string, amountAtomic: bigint) => void;
}

/** Handles a payment provider's webhooks. After any answer but 2xx the provider sends the same event again later. */
export function createCardHandler(
  options: CardOptions | undefined,
  { books, accounts, clock, bodyLimits, onBooked }: CardHandlerDependencies,
): Handler {
  return async (context) => {
    if (options === undefined) throw new ApiError('not_found', 'This gateway takes no payments by card.');
    const body = await readBody(context, bodyLimits);
    const nowMs = clock.nowMs();
    const header = context.req.header(CARD_SIGNATURE_HEADER) ?? '';
    if (!isSignedWebhook(body, header, { secret: options.secret, nowMs }))
      throw new ApiError('invalid_api_key', 'The webhook is not signed by its provider, or is old.');
    const event = parseCardEvent(body);
    if (event === undefined) throw new ApiError('invalid_request', 'The webhook is no event.');
    const { notice } = event;
    let rate = 0n;
    if (notice?.kind === 'paid') {
      const known = options.rates.get(notice.currency);
      if (known === undefined) throw new ApiError('invalid_request', `There is no rate for ${notice.currency}.`);
      rate = known;
      const organisations = await accounts.listOrganisations();
      if (!organisations.some(({ id }) => id === notice.organisation))
        throw new ApiError('invalid_request', 'The payment is for no organisation of this gateway.');
    }
    const amountAtomic = await books.write(() => bookCardEvent(event, { rate, nowMs }));
    if (amountAtomic !== undefined && amountAtomic !== 0n) onBooked(event.id, amountAtomic);
    return context.json({ ok: true });
  };
}
