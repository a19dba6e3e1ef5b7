/** Control characters but tab and line ends, and characters that reorder a line: a reader would see another text than the model. */
const HIDDEN = /[^\P{Cc}\t\n\r]|[\u202a-\u202e\u2066-\u2069]/u;

export const hasHidden = (text: string): boolean => HIDDEN.test(text);

/** Returns whether a text of a model is one line of Unicode without hidden characters. */
export const isPlainLine = (text: string): boolean => text.isWellFormed() && !hasHidden(text) && !/[\t\n\r]/.test(text);
