import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { ReplyDraft } from '@ogong/provider/modality/text/commit-reply';
import type { AttackDefinition } from '../attack.ts';

type Leaves = readonly WindowBytes[];

interface LeafCheat {
  readonly name: string;
  readonly aim: string;
  readonly caughtBy: readonly string[];
  /** @param remembered the leaves of the previous reply with as many windows. */
  readonly change: (leaves: Leaves, remembered: Leaves | undefined) => Leaves;
}

/** Signs a tree over leaves that are not the reply's. */
function defineLeaves({ name, aim, caughtBy, change }: LeafCheat): AttackDefinition {
  return {
    name,
    family: 'commitment',
    aim,
    caughtBy,
    create({ engine }) {
      let remembered: Leaves | undefined;
      const bendReply = (draft: ReplyDraft): ReplyDraft => {
        const before = remembered;
        remembered = draft.windows;
        return { ...draft, windows: change(draft.windows, before) };
      };
      return { name, aim, engine, bendReply };
    },
  };
}

const REPLACED = ['token-count', 'draw-replay', 'listing', 'commitment-form', 'response-text', 'equality'];
const COUNTED = ['header-inclusion', ...REPLACED, 'stop-reason'];

export const LEAF_ATTACKS: readonly AttackDefinition[] = [
  {
    name: 'leaves-of-another-reply',
    aim: 'open the leaves of a reply that passed before',
    caughtBy: COUNTED,
    change: (leaves: Leaves, remembered: Leaves | undefined) => remembered ?? leaves,
  },
  {
    name: 'window-missing',
    aim: 'commit to less than was billed',
    caughtBy: COUNTED,
    change: (leaves: Leaves) => (leaves.length > 1 ? leaves.slice(0, -1) : leaves),
  },
  {
    name: 'window-duplicated',
    aim: 'let one window stand for two',
    caughtBy: COUNTED,
    change: (leaves: Leaves) => [...leaves.slice(0, 1), ...leaves],
  },
  {
    name: 'windows-swapped',
    aim: 'commit to the windows in another order',
    caughtBy: REPLACED,
    change: ([first, second, ...rest]: Leaves) =>
      first && second ? [second, first, ...rest] : ([first, second].filter(Boolean) as Leaves),
  },
].map(defineLeaves);
