import type { Honesty } from '../lies/plant-lies.ts';
import type { Plan } from '../plan.ts';
import type { World } from '../world/world.ts';

export interface ServiceWatch {
  readonly answers: { ok: number; failed: number };
  /** Ids of replies with which an honest gateway answered its client. */
  readonly answered: ReadonlySet<string>;
  /** Notes the answer to a client. */
  note(
    request: { readonly gateway: number; readonly isProbe: boolean },
    status: number,
    replyIds: readonly string[],
  ): void;
  finish(): void;
}

/** Checks that honest gateways with an honest router answer every client after the faults. */
export function watchService(world: World, plan: Plan, honesty: Honesty): ServiceWatch {
  const answers = { ok: 0, failed: 0 };
  const answered = new Set<string>();
  const served = new Map<number, number>();
  return {
    answers,
    answered,
    note({ gateway, isProbe }, status, replyIds) {
      answers[status === 200 ? 'ok' : 'failed']++;
      if (isProbe && status === 200) served.set(gateway, (served.get(gateway) ?? 0) + 1);
      if (honesty.isHonest(`gateway-${gateway}`)) for (const id of replyIds) answered.add(id);
    },
    finish() {
      if (plan.isProbed === false) return;
      for (let i = 0; i < plan.gateways; i++) {
        const router = `router-${i % plan.routers}`;
        if (!honesty.isHonest(`gateway-${i}`) || !honesty.isHonest(router)) continue;
        if (!served.has(i)) world.violate('the-honest-are-served', `gateway-${i} answers nobody after the faults`);
      }
    },
  };
}
