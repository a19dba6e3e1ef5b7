/** Prints as JSON the gas of settlement and of keys of the threshold beacon: whole transactions, batches of 1,000 replies. */
import { measureActivation } from '../src/chain/measure-activation.ts';
import { measureSettlement } from '../src/chain/measure-settlement.ts';

const reports = [await measureSettlement(1_000, 50, 10), await measureSettlement(1_000, 1, 1)];
console.log(JSON.stringify({ settlement: reports, beaconKeys: await measureActivation() }, undefined, 2));
