import { toHex } from '@ogong/protocol/base/bytes';
import type { TestimonyAttack } from './attack.ts';

/** It has the machine ask a server whose certificate the operator made, under the vendor's name. The reader knows the vendor's root. */
export const serverOfItsOwn: TestimonyAttack = {
  name: 'server-of-its-own',
  adversary: "operator of a server under the vendor's name",
  aim: 'a statement about its own text',
  caughtBy: 'authority',
  bend({ testimony, reader }) {
    const vendors = toHex(reader.crypto.sha256(new Uint8Array([1])));
    return { testimony, reader: { ...reader, authorities: [vendors] } };
  },
};
