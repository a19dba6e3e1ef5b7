import type { LlamaTextContract } from '@ogong/engine/llama-cpp/load-options';
import { openHost } from '@ogong/engine/llama-cpp/open-host';
import { serveParent } from '@ogong/engine/process/child-loop';
import { createTextHost } from '@ogong/engine/process/text-host';
import { forgetBehind } from './forget-behind.ts';

// The engine's child process, with a cheat between scheduler and llama.cpp. Argument: how many positions it remembers.
const width = Number(process.argv[2]);
if (!(Number.isInteger(width) && width > 0)) throw new RangeError(`a window of ${process.argv[2]} positions`);

serveParent<LlamaTextContract>((options, send) => {
  const opened = openHost(options);
  // Declared inexact inside: otherwise the prompt cache would reuse rows that this child has forgotten.
  const capabilities = { ...opened.info.capabilities, exact: false };
  const info = { ...opened.info, exact: false, capabilities };
  return { info, host: createTextHost({ ...opened, model: forgetBehind(opened.model, width), info, send }) };
});
