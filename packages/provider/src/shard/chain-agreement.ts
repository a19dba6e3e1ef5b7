import { hashBlind } from '@ogong/protocol/commitment/blinds';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import {
  type CohortTerms,
  encodeCohortAgreement,
  encodeCohortTerms,
  findConsentProblem,
  signCohortTerms,
} from '@ogong/protocol/settlement/cohort-agreement';
import type { ChainOrder } from './chain-order.ts';
import { type ChainState, failAt, type ShardLane } from './chain-state.ts';

/** Agrees with all shards to the order, with the members of now. @throws ShardFailure if one does not agree. */
export async function agreeOrder(state: ChainState, order: ChainOrder): Promise<void> {
  const { options, members, lanes } = state;
  const { crypto, ledger, signer } = options;
  const { given } = order;
  const { chainId, verifyingContract: escrow } = ledger;
  const terms: CohortTerms = {
    ...{ chainId, escrow, orderHash: given.order.orderHash, manifestHash: options.manifestHash },
    ...{ modelRoot: options.modelRoot, leaderLink: options.link, blindHash: hashBlind(crypto, given.blind) },
    members: [...members],
  };
  const own = signCohortTerms(signer, terms);
  const message = {
    ...{ ...given.signed, terms: encodeCohortTerms(terms), blind: given.blind },
    leader: { $typeName: 'ogong.v1.CohortSignature' as const, ...own },
  };
  const others = await Promise.all(
    lanes.map(async ({ place, calls }) => {
      const signature = await calls.agree(message).catch((cause: Error) => {
        throw failAt(state, place, `does not agree to the order: ${cause.message}`, cause);
      });
      const problem = findConsentProblem(crypto, terms, signature, place);
      if (problem !== undefined) throw failAt(state, place, `has not agreed: ${problem}`);
      return signature;
    }),
  );
  order.members = terms.members;
  order.agreement = encodeCohortAgreement({ terms, signatures: [...others, own] });
}

/** @throws ShardFailure if the shard refuses the admission. */
export const showAdmission = (
  state: ChainState,
  { place, calls }: ShardLane,
  { orderHash, admission }: { readonly orderHash: Uint8Array; readonly admission: SignedAdmission },
): Promise<void> =>
  calls.admit(orderHash, admission).catch((cause: Error) => {
    throw failAt(state, place, `does not count the order as admitted: ${cause.message}`, cause);
  });
