/* What goes into a network and comes out, for other programs to compare with or to run on:
 *
 *   inputs/NAME float32 (batch, channels, height, width), in the network's order of channels
 *   output      float32, likewise */
#include "runtime/train/train.h"

#include <hdf5.h>

static bool write_tensor(hid_t file, const char *name, int batch, const struct net_tensor *t,
			 const float *value)
{
	hsize_t dims[] = { (hsize_t)batch, (hsize_t)t->channels, (hsize_t)t->height,
			   (hsize_t)t->width };
	hid_t links = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(4, dims, NULL);

	H5Pset_create_intermediate_group(links, 1);
	hid_t d = H5Dcreate2(file, name, H5T_NATIVE_FLOAT, space, links, H5P_DEFAULT, H5P_DEFAULT);
	bool ok = H5Dwrite(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0;
	H5Dclose(d);
	H5Sclose(space);
	H5Pclose(links);
	return ok;
}

precess_status train_tensors_write(const char *path, struct nn *nn)
{
	const struct net *net = nn_net(nn);
	int batch = nn_get_options(nn)->batch;
	struct file_output *o = NULL;
	precess_status st = file_output_create(&o, path);
	char name[128];

	if (st)
		return st;
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	hid_t file = H5Fcreate(o->temporary, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	bool ok = file >= 0;
	for (uint32_t i = 0; i < net->n_input && ok; i++) {
		const struct net_tensor *t = &net->tensor[net->input[i].tensor];

		snprintf(name, sizeof name, "inputs/%s", t->name);
		ok = write_tensor(file, name, batch, t, nn_input(nn, i));
	}
	ok = ok && write_tensor(file, "output", batch, &net->tensor[net->output], nn_output(nn));
	if (file >= 0)
		ok = H5Fclose(file) >= 0 && ok;
	if (!ok) {
		file_output_discard(o);
		return precess_fail(PRECESS_EIO, "%s: the tensors could not be written", path);
	}
	return file_output_commit(o);
}
