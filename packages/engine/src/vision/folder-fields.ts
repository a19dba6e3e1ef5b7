import { EngineError } from '../interface/engine-error.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** Reads fields of a configuration file. Its refusals name the file and the field. */
export interface FolderFields {
  has(field: string): boolean;
  text(field: string): string;
  flag(field: string, usual: boolean): boolean;
  /** A finite number. */
  number(field: string, usual?: number): number;
  /** An integer of 1 to `most`. */
  count(field: string, most: number, usual?: number): number;
  /** Three finite numbers, one for each colour. */
  colours(field: string): readonly number[];
  object(field: string): FolderFields;
  /** @throws EngineError('unsupported-model') */
  refuse(problem: string): never;
}

/** @param file the name in messages. */
export function readFields(file: string, content: JsonObject): FolderFields {
  const show = (value: unknown): string => (value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80));
  const refuse = (problem: string): never => {
    throw new EngineError('unsupported-model', `${file}: ${problem}`);
  };
  const number = (field: string, usual?: number): number => {
    const value = content[field] ?? usual;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return refuse(`"${field}" is ${show(value)}, not a number`);
  };
  return {
    has: (field) => content[field] !== undefined && content[field] !== null,
    text(field) {
      const value = content[field];
      return typeof value === 'string' && value !== '' ? value : refuse(`"${field}" is ${show(value)}, not a text`);
    },
    flag(field, usual) {
      const value = content[field] ?? usual;
      return typeof value === 'boolean' ? value : refuse(`"${field}" is ${show(value)}, neither true nor false`);
    },
    number,
    count(field, most, usual) {
      const value = number(field, usual);
      if (Number.isInteger(value) && value >= 1 && value <= most) return value;
      return refuse(`"${field}" is ${value}; possible are 1 to ${most}`);
    },
    colours(field) {
      const value: unknown = content[field];
      const isRight = Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
      return isRight ? value : refuse(`"${field}" is ${show(value)}, not three numbers`);
    },
    object(field) {
      const value = content[field];
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        return readFields(`${file}, "${field}"`, value as JsonObject);
      return refuse(`"${field}" is ${show(value)}, not an object`);
    },
    refuse,
  };
}
