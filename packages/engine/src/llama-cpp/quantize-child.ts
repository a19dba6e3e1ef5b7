import { EngineError } from '../interface/engine-error.ts';
import { findLlamaBuild } from './device/platform.ts';
import { loadLlama } from './library.ts';
import { isQuantName, quantizeModel } from './quantize.ts';

// A separate process, since llama.cpp aborts on a file that it cannot use.
const [source = '', target = '', quant = ''] = process.argv.slice(2);
if (!isQuantName(quant)) throw new EngineError('invalid-request', `unknown quantisation ${quant}`);
quantizeModel(loadLlama(findLlamaBuild(), 'auto'), source, target, quant);
