import { toHex } from '@ogong/protocol/base/bytes';
import type { WitnessAttack } from './attack.ts';

/** It has the machine ask a server whose certificate the operator made, under the vendor's name. The reader knows the vendor's root. */
export const serverOfItsOwn: WitnessAttack = {
  name: 'server-of-its-own',
  adversary: "operator that runs a server under the vendor's name, with a root of its own in the machine",
  aim: 'have the machine vouch for what the operator wrote',
  caughtBy: 'authority',
  bend({ witness, reader }) {
    const vendors = toHex(reader.crypto.sha256(new Uint8Array([1])));
    return { witness, reader: { ...reader, authorities: [vendors] } };
  },
};
