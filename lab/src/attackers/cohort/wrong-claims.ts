import type { UsedRows } from '@ogong/protocol/modality/text/boundary/boundary-proof';
import type { CohortAttack } from './attack.ts';

/** Changes one bit of the first row. */
const changeRows = ({ rows, proof }: UsedRows): UsedRows => ({ rows: rows.with(0, (rows[0] as number) ^ 1), proof });

export const blameNeighbour: CohortAttack = {
  name: 'blame-neighbour',
  aim: 'say that garbage came from the shard before it, and have that one lose the reply',
  by: 'shard',
  needsRows: true,
  foundBy: 'rows-unsigned',
  bendShown: changeRows,
};

export const unsignedRows: CohortAttack = {
  name: 'unsigned-rows',
  aim: 'compute on rows that nobody signed, and show them as those that came',
  by: 'shard',
  needsRows: true,
  foundBy: 'rows-unsigned',
  bendInput: (rows) => rows.with(0, (rows[0] as number) + 1),
  bendShown({ rows, proof }) {
    const shown = rows.slice();
    const values = new DataView(shown.buffer);
    values.setFloat32(0, values.getFloat32(0, true) + 1, true);
    return { rows: shown, proof };
  },
};

export const twoRoots: CohortAttack = {
  name: 'two-roots',
  aim: 'sign one root for the leader, and complain with another one that the leader hides it',
  by: 'shard',
  foundBy: 'two-roots',
  bendRoot: ({ root }) => ({ root: root.with(0, (root[0] as number) ^ 1) }),
};

export const silentShard: CohortAttack = {
  name: 'silent-shard',
  aim: 'agree to orders and answer no pass, so that the others work in vain',
  by: 'shard',
  foundBy: 'nothing-came',
  isSilent: true,
};

export const leaderHides: CohortAttack = {
  name: 'leader-hides',
  aim: 'leave the root of a shard out of the header, so that its rows cannot be compared',
  by: 'leader',
  foundBy: 'root-hidden',
  bendListed: (roots) => roots.map((root, place) => (place === 0 ? undefined : root)),
};

export const wrongManifest: CohortAttack = {
  name: 'wrong-manifest',
  aim: 'have a reply stand for another cut of the model than the one that its shards run',
  by: 'leader',
  foundBy: 'terms',
  bendManifest: (hash) => hash.with(0, (hash[0] as number) ^ 1),
};
