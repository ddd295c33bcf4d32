// What of MathML may be drawn. mathematics.py sends nothing else; a test holds both lists together.

export const MATH_TOKENS = new Set(["mi", "mn", "mo", "ms", "mspace", "mtext"]);

export const MATH_ELEMENTS = new Set([
  ...MATH_TOKENS, "menclose", "mfrac", "mmultiscripts", "mover", "mpadded", "mphantom", "mprescripts", "mroot", "mrow",
  "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtr", "munder", "munderover", "none",
]);

export const MATH_ATTRIBUTES = new Set([
  "accent", "accentunder", "columnalign", "columnlines", "columnspacing", "depth", "display", "displaystyle", "fence", "form",
  "frame", "height", "largeop", "linebreak", "linethickness", "lspace", "mathsize", "mathvariant", "maxsize", "minsize",
  "movablelimits", "notation", "rowalign", "rowlines", "rowspacing", "rspace", "scriptlevel", "separator", "stretchy",
  "symmetric", "voffset", "width",
]);
