import { answerToAnother } from './answer-to-another.ts';
import type { WitnessAttack } from './attack.ts';
import { oldExchange } from './old-exchange.ts';
import { restatedExchange } from './restated-exchange.ts';
import { selfAnsweringProxy } from './self-answering-proxy.ts';
import { serverOfItsOwn } from './server-of-its-own.ts';

export const WITNESS_ATTACKS: readonly WitnessAttack[] = [
  selfAnsweringProxy,
  restatedExchange,
  answerToAnother,
  oldExchange,
  serverOfItsOwn,
];
