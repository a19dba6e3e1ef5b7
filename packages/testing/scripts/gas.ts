/** Prints as JSON the gas of settlement: whole transactions, batches of 1,000 replies. */
import { measureSettlement } from '../src/chain/measure-settlement.ts';

const reports = [await measureSettlement(1_000, 50, 10), await measureSettlement(1_000, 1, 1)];
console.log(JSON.stringify({ settlement: reports }, undefined, 2));
