import { nn } from "heddle";
new nn.Conv2d(3, 8, 3, { padding: 1 });
new nn.Conv2d(3, 8, 3, 1, 1);
new nn.Conv2d(3, 8, 3, [1, 1], "same", { groups: 1 });
new nn.BatchNorm2d(64, 1e-5, 0.1, true, false);
new nn.Linear(3, 4, false);
// @ts-expect-error
new nn.Conv2d(3, 8, 3, { pading: 1 });
// @ts-expect-error
new nn.Conv2d(3, 8, 3, 1, { padding: 1, pading: 1 });
// @ts-expect-error
new nn.Conv2d(3, 8, 3, "a");
// @ts-expect-error
new nn.Linear(3, 4, 5);
// @ts-expect-error
new nn.Conv2d(3, 8, 3, { padding: 1, pading: 1 });
