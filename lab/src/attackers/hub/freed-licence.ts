import { parseSignedManifest } from '@ogong/hub/signed-manifest';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { signTestManifest } from '@ogong/testing/hub/hub-model';
import type { HubAttack } from './attack.ts';

const [BOUND, FREE] = ['GPL-3.0-only', 'BSD-3-Clause'];

/** It encodes the manifest itself, since the project's encoder refuses it. */
export const freedLicence: HubAttack = {
  name: 'freed-licence',
  adversary: 'maker that puts a derivative of a share-alike model under a free licence',
  aim: 'providers serve a breach of a licence',
  stoppedBy:
    'A manifest whose licence breaks a duty of an origin is malformed for every reader. **Left**: a maker can leave out or invent an origin',
  caughtBy: 'malformed',
  async play() {
    const { lineage, ...bare } = createTestManifest(crypto, { licence: BOUND });
    const origins = lineage.map((origin) => ({ ...origin, licence: BOUND }));
    const text = Buffer.from(signTestManifest({ ...bare, lineage: origins }).encoded).toString('latin1');
    // The licence of the manifest stands before those of its origins.
    const bytes = new Uint8Array(Buffer.from(text.replace(BOUND, FREE), 'latin1'));
    try {
      parseSignedManifest(crypto, bytes);
      return { reports: [], isHarmed: true };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { reports: [`${error.code}: ${error.message}`], isHarmed: false };
    }
  },
};
