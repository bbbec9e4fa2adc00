/** The compiler's version, part of what records are valid for: another one may write other kernels. */
export const compilerVersion = "0.1.0";
