import { type CommitReply, draftReply, signReply } from '@ogong/provider/modality/text/commit-reply';
import type { Attack } from '../attack.ts';

/** Commits as the provider does, after the attacker has changed the reply. */
export const bendCommit =
  ({ bendReply = (draft) => draft }: Pick<Attack, 'bendReply'>): CommitReply =>
  (crypto, signer, reply) =>
    signReply(crypto, signer, bendReply(draftReply(crypto, reply)));
