import { expect, it } from 'vitest';
import { createUntakenOrders } from './untaken-orders.ts';

const payer = { payer: new Uint8Array(20).fill(1) };
const other = { payer: new Uint8Array(20).fill(2) };

function open() {
  let nowMs = 1_000_000;
  const untaken = createUntakenOrders({ clock: { nowMs: () => nowMs } });
  const note = (isTaken: boolean, times: number, whose = payer) => {
    for (let i = 0; i < times; i++) untaken.note(whose, isTaken ? 'taken' : 'left');
  };
  // The orders of a model with eight slots; an order that begins is over at once.
  const assertTakes = (whose: typeof payer) => untaken.enter(whose, 8).end();
  return { ...untaken, assertTakes, noteAll: note, pass: (ms: number) => (nowMs += ms) };
}

it('refuses a payer that leaves most untaken, alone and for a minute', () => {
  const { assertTakes, noteAll, pass } = open();
  noteAll(false, 15);
  expect(() => assertTakes(payer)).not.toThrow();
  noteAll(false, 1);
  expect(() => assertTakes(payer)).toThrow(/leaves most answers untaken/);
  expect(() => assertTakes(other)).not.toThrow();
  pass(60_000);
  expect(() => assertTakes(payer)).not.toThrow();
});

it('lets a payer leave half of them', () => {
  const { assertTakes, noteAll } = open();
  noteAll(true, 20);
  noteAll(false, 20);
  expect(() => assertTakes(payer)).not.toThrow();
  noteAll(false, 1);
  expect(() => assertTakes(payer)).toThrow(/untaken/);
});

it('forgets the payers of longest ago first', () => {
  const { assertTakes, noteAll } = open();
  noteAll(false, 16);
  for (let i = 0; i < 4_096; i++) {
    const stranger = new Uint8Array(20).fill(9);
    new DataView(stranger.buffer).setUint32(0, i);
    noteAll(true, 1, { payer: stranger });
  }
  expect(() => assertTakes(payer)).not.toThrow();
});

it('counts a payer that said nothing as four that it left', () => {
  const { assertTakes, note } = open();
  for (let i = 0; i < 3; i++) note(payer, 'silent');
  expect(() => assertTakes(payer)).not.toThrow();
  note(payer, 'silent');
  expect(() => assertTakes(payer)).toThrow(/untaken/);
});

it.each([
  { slots: 1, most: 1 },
  { slots: 7, most: 1 },
  { slots: 16, most: 4 },
])('lets a payer hold $most of $slots slots with what it has not taken', ({ slots, most }) => {
  const { enter } = open();
  const held = Array.from({ length: most }, () => enter(payer, slots));
  expect(() => enter(payer, slots)).toThrow(/has not taken what it ordered before/);
  expect(() => enter(other, slots)).not.toThrow();
  held[0]?.take();
  // Once only.
  held[0]?.end();
  held[0]?.end();
  enter(payer, slots);
  expect(() => enter(payer, slots)).toThrow(/has not taken/);
});

it('lets a payer hold one more for each that it has taken lately', () => {
  const { enter, noteAll, pass } = open();
  noteAll(true, 2);
  for (let i = 0; i < 3; i++) enter(payer, 4);
  expect(() => enter(payer, 4)).toThrow(/has not taken/);
  pass(60_000);
  enter(other, 4);
  expect(() => enter(other, 4)).toThrow(/has not taken/);
});
