import { inventParties, sellTinyModel, squatName } from './consumer-plays.ts';
import { readOthersReplies } from './curious-play.ts';
import { floodWithComplaints, floodWithLinks, squatRoutes } from './door-plays.ts';
import type { LivePlay } from './live-network.ts';
import { admitTooMuch, nameOwnRouter, reuseIds, showTwoRecords, stealComplaint } from './payer-plays.ts';
import { abandonForOthers, frameByOldId, leaveWithoutWord } from './stranger-plays.ts';
import {
  abuseSigningKey,
  claimWithheld,
  denyDelivery,
  ejectEarly,
  pullBeacon,
  waitForEpoch,
} from './validator-plays.ts';
import { frameByReports, stayVerifierSilent } from './verifier-plays.ts';

/** The attacks that are played on the demo's running network, by name. All others need a network that they can bend further. */
export const LIVE_PLAYS: ReadonlyMap<string, LivePlay> = new Map([
  ['idle-links', floodWithLinks],
  ['route-squatting', squatRoutes],
  ['big-complaints', floodWithComplaints],
  ['invented-parties', inventParties],
  ['tiny-model', sellTinyModel],
  ['name-squatter', squatName],
  ['two-records', showTwoRecords],
  ['stolen-complaint', stealComplaint],
  ['unregistered-router', nameOwnRouter],
  ['reused-ids', reuseIds],
  ['over-admission', admitTooMuch],
  ['false-abandonment', denyDelivery],
  ['false-withholding', claimWithheld],
  ['epoch-waiter', waitForEpoch],
  ['early-ejection', ejectEarly],
  ['stolen-signing-key', abuseSigningKey],
  ['beacon-puller', pullBeacon],
  ['silent-league', stayVerifierSilent],
  ['lone-reject', frameByReports],
  ['old-id-framing', frameByOldId],
  ['free-abandonment', abandonForOthers],
  ['vanishing-payer', leaveWithoutWord],
  ['curious-cosigner', readOthersReplies],
]);
