import type { HubAttack } from './attack.ts';
import { betterModel } from './better-model.ts';
import { borrowedReceipts } from './borrowed-receipts.ts';
import { endlessBody } from './endless-body.ts';
import { fetchedOnDemand } from './fetched-on-demand.ts';
import { foreignList } from './foreign-list.ts';
import { freedLicence } from './freed-licence.ts';
import { inwardRedirect } from './inward-redirect.ts';
import { junkDemand } from './junk-demand.ts';
import { lookAlikeName } from './look-alike-name.ts';
import { olderManifest } from './older-manifest.ts';
import { silentPlace } from './silent-place.ts';
import { wrongBlocks } from './wrong-blocks.ts';

export const HUB_ATTACKS: readonly HubAttack[] = [
  ...[wrongBlocks, foreignList, olderManifest, endlessBody, silentPlace, inwardRedirect],
  ...[junkDemand, freedLicence, lookAlikeName, borrowedReceipts, betterModel, fetchedOnDemand],
];
