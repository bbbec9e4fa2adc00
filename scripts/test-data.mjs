// ONNX's own backend tests, where they can be installed. The tests that read them say so where they are missing.
import { existsSync } from "node:fs";
import { canInstall, install } from "./device-drivers.mjs";

const debianPackage = "libonnx-testdata";

export function provideTestData() {
  if (!existsSync(`/usr/share/${debianPackage}/data`) && canInstall()) install("test data", [debianPackage]);
}
