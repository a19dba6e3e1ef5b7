import { EngineError } from '@ogong/engine/interface/engine-error';
import type { CohortChain } from '../shard/cohort-chain.ts';
import type { CohortModel } from './form-cohort.ts';

/** The cohort of a leader, or the reason that it has none, in words. */
export type StandingCohort = { readonly model: CohortModel } | { readonly problem: string };

/**
 * The place of a cohort's chain before the engine of its leader. The engine stays loaded while cohorts come and go. The leader puts
 * another chain here only while no order runs.
 */
export interface CohortSeat extends CohortChain {
  standing(): StandingCohort;
  /** Takes orders by this chain from now on. */
  seat(model: CohortModel, chain: CohortChain): void;
  /** Describes the same chain by other figures. */
  describe(model: CohortModel): void;
  /** Takes no orders for now. Orders that run keep their chain. */
  refuse(problem: string): void;
}

export function createCohortSeat(): CohortSeat {
  let standing: StandingCohort = { problem: 'this provider has formed no cohort yet' };
  let chain: CohortChain | undefined;
  const get = (): CohortChain => {
    if (chain === undefined) throw fail('no cohort has been formed');
    return chain;
  };
  return {
    standing: () => standing,
    seat(model, own) {
      standing = { model };
      chain = own;
    },
    describe(model) {
      standing = { model };
    },
    refuse(problem) {
      standing = { problem };
    },
    async open(given) {
      if ('problem' in standing) throw fail(standing.problem);
      return await get().open(given);
    },
    admit: async (orderHash, admission) => await get().admit(orderHash, admission),
    run: async (pass) => await get().run(pass),
    drop: async (sequence, position) => await get().drop(sequence, position),
    close: async (orderHash, positions) => await get().close(orderHash, positions),
    show: (orderHash, bound) => get().show(orderHash, bound),
  };
}

const fail = (reason: string): EngineError => new EngineError('engine-crashed', reason, { retryable: true });
