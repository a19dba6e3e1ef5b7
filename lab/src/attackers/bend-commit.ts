import { type CommitReply, draftReply, signReply } from '@ogong/provider/provider/commit-reply';
import type { Attack } from './attack.ts';

/** The provider's own commitment, with the attacker between the reply and the pen. */
export const bendCommit =
  ({ bendReply = (draft) => draft }: Pick<Attack, 'bendReply'>): CommitReply =>
  (crypto, signer, reply) =>
    signReply(crypto, signer, bendReply(draftReply(crypto, reply)));
