import type { Client } from '@connectrpc/connect';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { type Clock, monotonicClock } from '@ogong/host/time/clock';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { UnattestedError } from './attested-roles.ts';

export type RouterClient = Client<typeof RouterService>;

/** The routers of a gateway. Any of them can serve it, so a call goes to the next one if one fails. */
export interface Routers {
  /** The router of a ticket: reports about a ticket go to the router that signed it. */
  to(router: Peer): RouterClient;
  /**
   * Returns the first answer. Routers that failed of late are asked last.
   * @param ask receives the time limit, if there is another router to ask.
   * @throws the most telling failure: a refusal rather than an unreachable router.
   */
  first<T>(ask: (router: Peer, limits: { readonly timeoutMs?: number }) => Promise<T>): Promise<T>;
  /** Collects the answers of all routers that answer. Never throws. */
  all<T>(ask: (router: Peer, limits: { readonly timeoutMs?: number }) => Promise<T>): Promise<T[]>;
}

export interface RoutersOptions {
  /** At least one, in the order of preference. */
  readonly routers: readonly Peer[];
  /** Time for which a router that failed is asked last. */
  readonly doubtMs?: number;
  /** Time that a router has to answer while there is another one to ask. */
  readonly patienceMs?: number;
}

/** @throws RangeError without a router. */
export function createRouters(
  { routers, doubtMs = 30_000, patienceMs = 2_000 }: RoutersOptions,
  { links, uptime = monotonicClock }: { readonly links: LinkPool; readonly uptime?: Clock },
): Routers {
  if (routers.length === 0) throw new RangeError('a gateway needs a router');
  const doubted = new Map<Peer, number>();
  const doubtOf = (router: Peer): number => {
    const untilMs = doubted.get(router) ?? 0;
    return untilMs > uptime.nowMs() ? untilMs : 0;
  };
  const doubt = (router: Peer): void => void doubted.set(router, uptime.nowMs() + doubtMs);

  return {
    async all(ask) {
      const answers = await Promise.allSettled(routers.map((router) => ask(router, { timeoutMs: patienceMs })));
      return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    },
    to: (router) => links.to(RouterService, router),
    async first(ask) {
      // The sort is stable: among reliable routers the first in the list is asked first.
      const order = [...routers].sort((a, b) => doubtOf(a) - doubtOf(b));
      const failures: unknown[] = [];
      for (const [i, router] of order.entries()) {
        try {
          return await ask(router, i === order.length - 1 ? {} : { timeoutMs: patienceMs });
        } catch (error) {
          // A caller that left asks no other router.
          if (error instanceof LinkError && error.code === 'canceled') throw error;
          if (!isRefusal(error) && !(error instanceof UnattestedError)) doubt(router);
          failures.push(error);
        }
      }
      // "All providers are busy" says more than "there is none".
      throw (
        failures.find((one) => isRefusal(one) && one.refusal === 'unavailable') ??
        failures.find(isRefusal) ??
        failures[0]
      );
    },
  };
}

/** The router answers, and has no provider for this request. */
export const isRefusal = (error: unknown): error is LinkError => error instanceof LinkError && error.code === 'remote';
