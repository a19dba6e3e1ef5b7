import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nameDeviceClass } from '../library.ts';
import { environmentOf } from '../text-supervisor.ts';
import { explainCudaAbsence, findCudaRuntime, listCudaDevices, openCudaDevice } from './cuda-device.ts';
import { listGraphicsCards } from './graphics-cards.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ogong-cards-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Writes a file of Linux's `sys` or `proc` as it was seen. */
function record(path: string, text: string): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}

function recordPci(slot: string, pciClass: string, vendor: string, device: string): void {
  for (const [name, text] of Object.entries({ class: pciClass, vendor, device }))
    record(`sys/bus/pci/devices/${slot}/${name}`, `${text}\n`);
}

function recordNvidia({ hasDriver = true } = {}): void {
  recordPci('0000:00:1f.0', '0x060100', '0x8086', '0x7a04');
  recordPci('0000:01:00.0', '0x030200', '0x10de', '0x2330');
  recordPci('0000:02:00.0', '0x030000', '0x10de', '0x2684');
  if (!hasDriver) return;
  record(
    'proc/driver/nvidia/version',
    'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build  (builder)\nGCC version:  13\n',
  );
  record('proc/driver/nvidia/gpus/0000:01:00.0/information', 'Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 0\n');
  record('proc/driver/nvidia/gpus/0000:02:00.0/information', 'Model: \t\t NVIDIA GeForce RTX 4090\n');
}

const DRIVER = 'libcuda.so.1';
const RUNTIME = (release: number): string[] => [`libcudart.so.${release}`, `libcublas.so.${release}`];
const has =
  (...libraries: readonly string[]) =>
  (library: string): boolean =>
    libraries.includes(library);

describe('cards of a machine', () => {
  it('with none are none', () => {
    recordPci('0000:00:1f.0', '0x060100', '0x8086', '0x7a04');
    expect(listGraphicsCards(root)).toEqual({ cards: [], nvidiaDriver: undefined });
    expect(listGraphicsCards(join(root, 'none'))).toEqual({ cards: [], nvidiaDriver: undefined });
    expect(explainCudaAbsence(listGraphicsCards(root), has())).toBe('this machine has no NVIDIA card');
  });

  it('of NVIDIA with a driver have names, and the driver its version', () => {
    recordNvidia();
    const found = listGraphicsCards(root);
    expect(found).toEqual({
      cards: [
        { slot: '0000:01:00.0', vendor: 'NVIDIA', id: '10de:2330', name: 'NVIDIA H100 80GB HBM3' },
        { slot: '0000:02:00.0', vendor: 'NVIDIA', id: '10de:2684', name: 'NVIDIA GeForce RTX 4090' },
      ],
      nvidiaDriver: '570.124.06',
    });
    const can = has(DRIVER, ...RUNTIME(12));
    expect(explainCudaAbsence(found, can)).toBeUndefined();
    expect(listCudaDevices(found).map(({ index, name }) => [index, name])).toEqual([
      [0, 'NVIDIA H100 80GB HBM3'],
      [1, 'NVIDIA GeForce RTX 4090'],
    ]);
    expect(openCudaDevice(found, can)).toEqual({
      ...{ backend: 'cuda', index: 0, name: 'NVIDIA H100 80GB HBM3', driver: '570.124.06 cuda 12' },
    });
  });

  it('serve one model together, and are named all', () => {
    recordNvidia();
    const can = has(DRIVER, ...RUNTIME(12));
    const both = openCudaDevice(listGraphicsCards(root), can, 2);
    expect(both.name).toBe('H100 80GB HBM3+GeForce RTX 4090');
    expect(nameDeviceClass(both)).toBe('h100_80gb_hbm3_geforce_rtx_4090-570.124.06_cuda_12');
    expect(environmentOf('cuda', 2)).toMatchObject({ CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: '0,1' });
    expect(environmentOf('cuda')).toMatchObject({ CUDA_VISIBLE_DEVICES: '0' });
    expect(() => openCudaDevice(listGraphicsCards(root), can, 3)).toThrow(
      'a model for 3 cards; this machine shows 2: NVIDIA H100 80GB HBM3, NVIDIA GeForce RTX 4090',
    );
    record('proc/driver/nvidia/gpus/0000:02:00.0/information', 'Model: \t\t NVIDIA H100 80GB HBM3\n');
    expect(openCudaDevice(listGraphicsCards(root), can, 2).name).toBe('2x NVIDIA H100 80GB HBM3');
  });

  it('of NVIDIA without a driver, or without its libraries, cannot be used, and the reason says what is missing', () => {
    recordNvidia({ hasDriver: false });
    expect(explainCudaAbsence(listGraphicsCards(root), has())).toMatch(/10de:2330, 10de:2684: .*driver is not loaded/);
    expect(() => openCudaDevice(listGraphicsCards(root), has())).toThrow('driver is not loaded');
    recordNvidia();
    const found = listGraphicsCards(root);
    expect(explainCudaAbsence(found, has(...RUNTIME(13)))).toContain('libcuda.so.1 of NVIDIA');
    expect(explainCudaAbsence(found, has(DRIVER, 'libcudart.so.13', 'libcublas.so.12'))).toMatch(
      /runtime is not installed: libcudart\.so\.13 and libcublas\.so\.13, or libcudart\.so\.12/,
    );
  });

  it('of AMD and Intel are listed, and CUDA passes them over', () => {
    recordPci('0000:03:00.0', '0x030000', '0x1002', '0x744c');
    recordPci('0000:00:02.0', '0x030000', '0x8086', '0x46a6');
    recordPci('0000:04:00.0', '0x038000', '0x1af4', '0x1050');
    const found = listGraphicsCards(root);
    expect(found.cards.map(({ vendor, id }) => `${vendor} ${id}`)).toEqual([
      'Intel 8086:46a6',
      'AMD 1002:744c',
      'unknown 1af4:1050',
    ]);
    expect(explainCudaAbsence(found, has(DRIVER))).toBe('this machine has no NVIDIA card');
  });

  it('that say something of another form are passed over', () => {
    recordNvidia();
    recordPci('0000:05:00.0', 'display', '0x10de', '0x2330');
    recordPci('0000:06:00.0', '0x030000', '10de', '0x2330');
    recordPci('0000:07:00.0', '0x030000', '0x10de', '');
    recordPci('nonsense', '', '\0\xff', 'x'.repeat(100_000));
    record('sys/bus/pci/devices/0000:08:00.0', 'a file');
    record('proc/driver/nvidia/version', `NVRM version: ${'9.'.repeat(10_000)}\n`);
    record('proc/driver/nvidia/gpus/0000:01:00.0/information', `IRQ: 1\nModel:\nModel: ${'N'.repeat(500)}`);
    const { cards, nvidiaDriver } = listGraphicsCards(root);
    expect(cards.map(({ slot }) => slot)).toEqual(['0000:01:00.0', '0000:02:00.0']);
    expect([cards[0]?.name, nvidiaDriver]).toEqual(['N'.repeat(128), undefined]);
  });

  it('are at most so many', () => {
    for (let i = 0; i < 70; i++) recordPci(`0000:${String(i).padStart(2, '0')}:00.0`, '0x030000', '0x10de', '0x2330');
    expect(listGraphicsCards(root).cards.length).toBe(64);
  });
});

describe('a driver that cannot compile the kernels of CUDA 13', () => {
  const hopper = { release: 13_000, capabilities: [90] };

  it('is named, and what helps, where the card has no machine code in the build', () => {
    recordNvidia();
    const found = listGraphicsCards(root);
    const why = explainCudaAbsence(found, has(DRIVER, ...RUNTIME(13)), hopper);
    expect(why).toMatch(/knows CUDA 13\.0, and .* need 13\.1\. Install driver 590 .* --backend vulkan/);
    expect(() => openCudaDevice(found, has(DRIVER, ...RUNTIME(13)), 1, hopper)).toThrow('need 13.1');
  });

  it('leaves the runtime of CUDA 12, and is enough where it is newer or the build has code for all cards', () => {
    expect(findCudaRuntime(has(...RUNTIME(13)), hopper)).toBeUndefined();
    expect(findCudaRuntime(has(...RUNTIME(12), ...RUNTIME(13)), hopper)).toBe(12);
    expect(findCudaRuntime(has(...RUNTIME(13)), { ...hopper, release: 13_010 })).toBe(13);
    expect(findCudaRuntime(has(...RUNTIME(13)), { ...hopper, capabilities: [89, 120] })).toBe(13);
    expect(findCudaRuntime(has(...RUNTIME(13)), { ...hopper, capabilities: [89, 90] })).toBeUndefined();
  });
});

describe('the runtime of CUDA', () => {
  it('is the newest of which all parts are there', () => {
    expect(findCudaRuntime(has())).toBeUndefined();
    expect(findCudaRuntime(has(...RUNTIME(12)))).toBe(12);
    expect(findCudaRuntime(has(...RUNTIME(12), ...RUNTIME(13)))).toBe(13);
    expect(findCudaRuntime(has('libcudart.so.13', ...RUNTIME(12)))).toBe(12);
  });
});
