import { parseHubName } from '@ogong/hub/named/hub-name';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { signTestManifest } from '@ogong/testing/hub/hub-model';
import type { HubAttack } from './attack.ts';

/** `acme` with a Cyrillic first letter, and with a fullwidth one. */
const LOOK_ALIKES = ['\u0430cme', '\uff41cme'];

/** It writes a known name with letters that look the same. */
export const lookAlikeName: HubAttack = {
  name: 'look-alike-name',
  adversary: "maker whose name looks like another maker's",
  aim: 'readers take it for the known one',
  stoppedBy:
    'Names have lower-case ASCII letters, digits and `._-` alone, in the registry, in manifests and in commands. **Left**: `acrne` and `acme-1` are names like any',
  caughtBy: 'malformed',
  async play() {
    const reports: string[] = [];
    let isHarmed = false;
    for (const maker of LOOK_ALIKES) {
      isHarmed ||= parseHubName(`${maker}/small`) !== undefined;
      try {
        signTestManifest(createTestManifest(crypto, { maker }));
        isHarmed = true;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        reports.push(`${error.code}: ${error.message}`);
      }
    }
    return { reports, isHarmed };
  },
};
