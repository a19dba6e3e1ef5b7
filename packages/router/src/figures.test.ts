import { expect, it } from 'vitest';
import { createFigures } from './figures.ts';

const offer = { providerId: new Uint8Array(32).fill(1), modelId: 'ogong/verified/a/b' };
const reply = (firstTokenMs: number, outputTokens = 50, durationMs = 500) => ({
  firstTokenMs,
  outputTokens,
  durationMs,
});
const HOUR_MS = 3_600_000;

it('a provider that nobody measured has no figures, and neither has its other model', () => {
  const figures = createFigures();
  figures.observe(offer, 'a', reply(0, 0, 0), 0);
  expect(figures.of(offer, 0)).toEqual({ latencyMs: 0, milliTokensPerSecond: 0 });
  figures.observe(offer, 'a', reply(40), 0);
  expect(figures.of(offer, 0)).toEqual({ latencyMs: 40, milliTokensPerSecond: 100_000 });
  expect(figures.of({ ...offer, modelId: 'ogong/verified/a/c' }, 0).latencyMs).toBe(0);
});

it('one address moves its own average alone, however often it reports', () => {
  const figures = createFigures();
  for (const group of ['a', 'b', 'c']) figures.observe(offer, group, reply(100), 0);
  for (let i = 0; i < 1_000; i++) figures.observe(offer, 'liar', reply(1, 1_000_000, 1), 0);
  expect(figures.of(offer, 0)).toEqual({ latencyMs: 100, milliTokensPerSecond: 100_000 });
  figures.observe(offer, 'a', reply(200), 0);
  expect(figures.of(offer, 0).latencyMs).toBe(100);
});

it('of two the worse counts, so that a liar beside one caller makes nobody fast', () => {
  const figures = createFigures();
  figures.observe(offer, 'a', reply(100), 0);
  figures.observe(offer, 'liar', reply(1, 50_000), 0);
  expect(figures.of(offer, 0)).toEqual({ latencyMs: 100, milliTokensPerSecond: 100_000 });
});

it('measurements older than an hour are forgotten', () => {
  const figures = createFigures();
  figures.observe(offer, 'a', reply(100), 0);
  expect(figures.of(offer, HOUR_MS - 1).latencyMs).toBe(100);
  expect(figures.of(offer, HOUR_MS).latencyMs).toBe(0);
  figures.observe(offer, 'a', reply(300), HOUR_MS);
  expect(figures.of(offer, HOUR_MS).latencyMs).toBe(300);
});

it('a longer list is cut, and the number of kept addresses is limited', () => {
  const figures = createFigures();
  figures.observe(offer, 'a', reply(0xffff_ffff, 0xffff_ffff, 1), 0);
  expect(figures.of(offer, 0)).toEqual({ latencyMs: 600_000, milliTokensPerSecond: 1_000_000_000 });
  for (let i = 0; i < 64; i++) figures.observe(offer, `b${i}`, reply(7), 0);
  expect(figures.of(offer, 0).latencyMs).toBe(7);
});
