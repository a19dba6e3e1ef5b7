import { EngineError } from '@ogong/engine/interface/engine-error';
import { explainDeviceAbsence } from '@ogong/engine/llama-cpp/device/gpu-build';
import { findSetup } from '@ogong/provider/calibration/setups';
import { describe, expect, it } from 'vitest';
import { MEASURED, PEER, parsePairs } from './calibrate-pairs.ts';
import { runConfig } from './calibrate-run.ts';

const command = 'ogong calibrate';
const hasDevice = () => undefined;
const hasNone = () => 'this machine shows no Vulkan device';
const parse = (texts: readonly string[], explainNoDevice = hasDevice as () => string | undefined, hasPeer = false) =>
  parsePairs(texts, { command, hasPeer, explainNoDevice });

describe('pairs of setups', () => {
  it('are two names, the second of which may be the peer', () => {
    const [exact, fast] = [findSetup('exact'), findSetup('fast')];
    expect(parse([])).toBeUndefined();
    expect(parse(['exact:fast'])).toEqual([{ provider: exact, verifier: fast }]);
    expect(parse(['exact:peer'], hasDevice, true)).toEqual([{ provider: exact, verifier: PEER }]);
    expect(() => parse(['exact:peer'])).toThrow(/needs --peer/);
    expect(() => parse(['exact:slow', 'fast'])).toThrow(/"exact:slow" does not fit[\s\S]*"fast" does not fit/);
  });

  it('may name a Vulkan device, on either side, if there is one', () => {
    const vulkan = findSetup('vulkan');
    expect(vulkan.settings.backend).toBe('vulkan');
    expect(parse(['vulkan:fast', 'exact:vulkan'])).toEqual([
      { provider: vulkan, verifier: findSetup('fast') },
      { provider: findSetup('exact'), verifier: vulkan },
    ]);
    for (const pair of ['vulkan:fast', 'exact:vulkan', 'vulkan:vulkan']) {
      expect(() => parse([pair], hasNone)).toThrow(
        new RegExp(`${pair}" cannot run here: this machine shows no Vulkan`),
      );
    }
    expect(parse(['exact:fast'], hasNone)).toHaveLength(1);
  });

  it('explain a missing device, and name the package to install', () => {
    expect(explainDeviceAbsence(() => [])).toMatch(/no Vulkan device/);
    const noLoader = () => {
      throw new EngineError('unsupported-model', 'the Vulkan loader is not installed; install it');
    };
    expect(explainDeviceAbsence(noLoader)).toBe('the Vulkan loader is not installed; install it');
    expect(explainDeviceAbsence(() => [{ backend: 'vulkan', index: 0, name: 'a', driver: 'b' }])).toBeUndefined();
    const broken = () => {
      throw new TypeError('a mistake of ours');
    };
    expect(() => explainDeviceAbsence(broken)).toThrow(TypeError);
  });

  it('leave out setups on request if none is named', () => {
    const names = MEASURED.map(({ name }) => name);
    expect(names).toContain('fast');
    expect(names).not.toContain('vulkan');
    expect(names).not.toContain('exact-avx512');
  });

  it('are in the help', () => {
    const help = runConfig.parse(['--help'], {});
    expect(help).toMatchObject({
      kind: 'print',
      text: expect.stringMatching(/--pair names them, also:\s[\s\S]*vulkan/),
    });
  });
});
