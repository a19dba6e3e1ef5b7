import { answerToAnother } from './answer-to-another.ts';
import type { TestimonyAttack } from './attack.ts';
import { oldExchange } from './old-exchange.ts';
import { restatedExchange } from './restated-exchange.ts';
import { selfAnsweringProxy } from './self-answering-proxy.ts';
import { serverOfItsOwn } from './server-of-its-own.ts';

export const TESTIMONY_ATTACKS: readonly TestimonyAttack[] = [
  selfAnsweringProxy,
  restatedExchange,
  answerToAnother,
  oldExchange,
  serverOfItsOwn,
];
