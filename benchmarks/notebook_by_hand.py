"""The code of the notebook that charseq grew from, as a script without pictures."""

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
rnn = nn.RNN(4, 2, batch_first=True)  # the notebook's check of dimensions; it draws random numbers

sample = " learned deep learning"
char_list = list("egnidrl pa")  # list(set(sample)), in the order that the notebook printed
char_dic = {c: i for i, c in enumerate(char_list)}
sample_idx = [char_dic[c] for c in sample]
x_data = [sample_idx[:-1]]
x_one_hot = np.array([np.eye(len(char_dic))[x] for x in x_data])
y_data = sample_idx[1:]
X = torch.FloatTensor(x_one_hot)
Y = torch.LongTensor(y_data)

rnn = nn.RNN(len(char_dic), len(char_dic), batch_first=True)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.5, momentum=0.9)
for epoch in range(50):
    outputs, _status = rnn(X)
    outputs = outputs.view(-1, len(char_dic))
    loss = criterion(outputs, Y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    result = outputs.detach().numpy().argmax(axis=1)
    result_str = "".join([char_list[c] for c in result])
    if (epoch + 1) % 5 == 0:
        print(f"epoch {epoch + 1:<3}  loss:{loss.item():.3f}  prediction:{result_str}")
